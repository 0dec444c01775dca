"""The script that people write: a doorbell comes, the order is read, a ticket is printed.

It is what till-edge is measured against, no better and no worse than those that can be found: paho's callback does all
the work, `requests.get` opens a connection for each order, python-escpos opens one for each ticket. It has a session
that outlives a disconnection, which many lack. It has no journal, no proof and no check of whose money it is.
"""

import json
import os
import sys

import paho.mqtt.client as mqtt
import requests
from escpos.printer import Network

API_URL = os.environ["API_URL"]
ACCESS_TOKEN = os.environ["ACCESS_TOKEN"]
BROKER_HOST, BROKER_PORT = os.environ["BROKER_HOST"], int(os.environ["BROKER_PORT"])
PRINTER_HOST, PRINTER_PORT = os.environ["PRINTER_HOST"], int(os.environ["PRINTER_PORT"])
TOPIC = os.environ["TOPIC"]
COLUMNS = 48

printed = set()


def on_connect(client, userdata, flags, reason_code, properties):
    client.subscribe(TOPIC, qos=1)


def on_subscribe(client, userdata, mid, reason_codes, properties):
    print("ready", flush=True)


def on_message(client, userdata, message):
    try:
        doorbell = json.loads(message.payload)
        order = read_order(doorbell["kind"], doorbell["id"])
        if is_paid(order) and order["id"] not in printed:
            print_ticket(order)
            printed.add(order["id"])
    except Exception as error:
        print(f"error: {error}", file=sys.stderr, flush=True)


def read_order(kind, identity):
    path = "v1/orders" if kind == "order" else "merchant_orders"
    headers = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
    response = requests.get(f"{API_URL}/{path}/{identity}", headers=headers, timeout=10)
    response.raise_for_status()
    return response.json()


def is_paid(order):
    return order["status"] in ("closed", "processed")


def print_ticket(order):
    printer = Network(PRINTER_HOST, PRINTER_PORT, timeout=10)
    printer.set(align="center", bold=True, double_height=True, double_width=True)
    printer.text("KIOSCO SUR\n")
    printer.set(align="center", bold=False, normal_textsize=True)
    printer.text("Av. Siempre Viva 742\n\n")
    printer.set(align="left")
    for item in order.get("items", []):
        quantity, price = float(item["quantity"]), float(item["unit_price"])
        printer.text(line(f"{quantity:g} x {item['title']}", f"{quantity * price:.2f}"))
    printer.text("-" * COLUMNS + "\n")
    printer.set(align="left", bold=True)
    printer.text(line("TOTAL", f"$ {float(order['total_amount']):.2f}"))
    printer.set(align="left", bold=False)
    printer.text("Pagado con Mercado Pago QR\n")
    for payment in order.get("payments", []):
        printer.text(f"Operación {payment['id']}\n{payment['date_approved']}\n")
    printer.text(f"Pedido {order['external_reference']}\n\n")
    printer.set(align="center")
    printer.qr(order["external_reference"], native=True, size=6)
    printer.text("\nDOCUMENTO NO VÁLIDO COMO FACTURA\n¡Gracias por su compra!\n")
    printer.cut()
    printer.close()


def line(left, right):
    return left[: COLUMNS - len(right) - 1].ljust(COLUMNS - len(right)) + right + "\n"


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="caja01", clean_session=False)
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(BROKER_HOST, BROKER_PORT)
client.loop_forever()
