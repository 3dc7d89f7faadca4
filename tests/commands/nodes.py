"""Checks of the node as a process: what the HTTP side tells, how it stops, what it exits with."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from node import MOLDAU, Node

STOP_SECONDS_MAX = 20
DELAYS = [step * 0.004 for step in range(2, 26)]


class Check(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Check(message)


def get(node, page):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{node.http}{page}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def launch(node):
    command = [MOLDAU, "start", "--data-dir", str(node.data)]
    for override in node.overrides:
        command += ["--override", override]
    with open(node.log, "ab") as out:
        node.process = subprocess.Popen(command, stdout=out, stderr=out,
                                        stdin=subprocess.DEVNULL, start_new_session=True)


def an_idle_http_connection(commands):
    """A browser's spare connection kept the node alive, half stopped, until it was killed."""
    node = Node(commands.folder / "held", "server")
    node.start()
    with socket.create_connection(("127.0.0.1", node.http)):
        time.sleep(0.1)
        seconds = node.stop()
    expect(seconds < STOP_SECONDS_MAX, f"the stop took {seconds:.1f} s")


def a_controller_alone(commands):
    """Asking a node without a broker for its metrics killed it."""
    node = Node(commands.folder / "controller", "server")
    controller = node.overrides[0].split("CONTROLLER://")[1]
    node.overrides += ["process.roles=controller", f"listeners=CONTROLLER://{controller}",
                       f"controller.quorum.bootstrap.servers={controller}"]
    node.start()
    status, text = get(node, "/metrics")
    expect(status == 200 and 'state="controller"' in text, f"/metrics: {status} {text[:200]}")
    expect(get(node, "/readyz")[0] == 200, "a controller in its quorum is not ready")
    node.stop()


def a_signal_while_starting(commands):
    """SIGTERM is obeyed at any moment of a start, and is no failure."""
    node = Node(commands.folder / "early", "server")
    stopped_early = 0
    for delay in DELAYS:
        node.log.unlink(missing_ok=True)
        launch(node)
        time.sleep(delay)
        node.process.send_signal(signal.SIGTERM)
        status = node.process.wait(timeout=STOP_SECONDS_MAX)
        log = node.log.read_text()
        before_main = status == -signal.SIGTERM and not log  # nobody listens for signals yet
        expect(status == 0 or before_main, f"exit {status} after {delay * 1000:.0f} ms:\n{log}")
        expect("ERROR" not in log, f"after {delay * 1000:.0f} ms:\n{log}")
        stopped_early += "stopped while starting" in log
    expect(stopped_early > 0, "no signal came while it started")
    node.start()
    node.stop()


def a_taken_http_port(commands):
    """It is told before there are clients."""
    node = Node(commands.folder / "taken", "server")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", node.http))
        other.listen()
        launch(node)
        status = node.process.wait(timeout=STOP_SECONDS_MAX)
    log = node.log.read_text()
    expect(status == 1, f"exit {status}")
    expect(f"cannot serve HTTP on 127.0.0.1:{node.http}" in log, log)
    expect("Kafka Server started" not in log, log)


def a_properties_file_alone(commands):
    """`moldau --config FILE` starts the node, as harnesses call Kafka."""
    expect("moldau --config FILE" in commands.output("--help").decode(), "--help does not tell")
    folder = commands.folder / "alone"
    for option in (["--config", "{}"], ["--config={}"], ["-c", "{}"]):
        node = Node(folder, "server")
        file = folder / "server.properties"
        file.write_text("\n".join([
            "process.roles=broker,controller", "node.id=7", f"log.dirs={node.data}",
            "controller.listener.names=CONTROLLER",
            f"controller.quorum.bootstrap.servers={node.controller}", *node.overrides, ""]))
        node.command = [MOLDAU, *(part.format(file) for part in option)]
        node.overrides = []
        node.start()
        expect("nodeId=7" in node.log.read_text(), "another node started")
        node.stop()


COMMANDS_WITH_HELP = (
    "start", "storage", "storage format", "storage info", "storage random-uuid", "format", "topic",
    "topic create", "topic list", "topic describe", "topic delete", "produce", "consume", "log",
    "log dump", "bench", "bench produce", "bench consume", "bench latency", "sim", "version")


def help_with_examples(commands):
    for name in COMMANDS_WITH_HELP:
        text = commands.output(*name.split(), "--help").decode()
        examples = text.partition("Example")[2]
        expect(f"moldau {name}".replace("moldau format", "moldau storage format") in examples,
               f"{name} --help has no example")


def json_everywhere(commands):
    expect({"version", "kafka_protocol"} <= set(commands.document("version")), "version")
    data = str(commands.folder / "formatted")
    unformatted = commands.run("storage", "info", "--data-dir", data, "--json", status=1)
    expect(json.loads(unformatted.stdout) == [{"directory": data, "formatted": False}],
           f"{unformatted.stdout}")
    uuid = commands.document("storage", "random-uuid")["uuid"]
    made = commands.document("storage", "format", "-t", uuid, "--data-dir", data)
    expect(made == {"cluster_id": uuid, "formatted": [data], "untouched": []}, f"{made}")
    told = commands.document("storage", "info", "--data-dir", data)[0]
    expect(told["cluster_id"] == uuid and told["node_id"] == 1, f"{told}")
    world = commands.document("sim", "--seed", "5")
    expect(world["worlds"][0]["problems"] == [] and world["worlds"][0]["seed"] == 5, f"{world}")


CHECKS = (an_idle_http_connection, a_controller_alone, a_signal_while_starting, a_taken_http_port,
          a_properties_file_alone, help_with_examples, json_everywhere)
