// What Grafana 13.2 calls a dashboard, with the three kinds of panels that ours has; as JSON, so that words of an
// enumeration are text. tests/relay/test_grafana.py compiles the dashboard against `Tills`.
import type * as grafana from "@grafana/schema";
import type * as raw from "./node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen";
import type { Options as Stat } from "./node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen";
import type { Options as Table } from "./node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen";
import type { FieldConfig as LinesField, Options as Lines } from
  "./node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen";

type Json<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer Each)[] ? Json<Each>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;
type Target = {
  refId: string; expr: string; legendFormat?: string; instant?: boolean; range?: boolean;
  format?: "time_series" | "table" | "heatmap"; datasource: raw.DataSourceRef;
};
type Field<Custom> = Omit<raw.FieldConfigSource, "defaults"> & {
  defaults: Omit<raw.FieldConfig, "custom"> & { custom?: Partial<Custom> };
};
type PanelOf<Name extends string, Options, Custom> =
  Omit<raw.Panel, "type" | "options" | "fieldConfig" | "targets">
  & { type: Name; options: Partial<Options>; fieldConfig: Field<Custom>; targets: Target[] };
type Panels = PanelOf<"stat", Stat, {}> | PanelOf<"table", Table, grafana.TableFieldOptions>
  | PanelOf<"timeseries", Lines, LinesField>;
export type Tills = Json<Omit<raw.Dashboard, "panels"> & { panels: Panels[] }>;
