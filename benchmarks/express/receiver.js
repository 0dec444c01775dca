// The common hand-made receiver of notifications, as one finds it in tutorials: it answers 200 at once and publishes
// afterwards. node receiver.js PORT BROKER_PORT

const express = require("express");
const mqtt = require("mqtt");

const [port, brokerPort] = process.argv.slice(2);
const broker = mqtt.connect(`mqtt://127.0.0.1:${brokerPort}`, { protocolVersion: 5 });
broker.on("error", (error) => console.error("broker:", error.message));

const app = express();
app.use(express.json());

app.post("/mp/:till/:secret", (request, response) => {
  response.sendStatus(200);
  const { topic, resource } = request.body;
  const doorbell = { v: 1, kind: topic, id: resource.split("/").pop() };
  broker.publish(`tills/${request.params.till}/orders`, JSON.stringify(doorbell), { qos: 1 }, (error) => {
    if (error) console.error("publish:", error.message);
  });
});

app.listen(Number(port), "127.0.0.1");
