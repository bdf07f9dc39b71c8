"""A real single-node Apache Kafka (KRaft), from the jars that Maven gathered into deploy/kafka/lib."""

import base64
import os
import shutil
import subprocess
import uuid
from pathlib import Path

from confluent_kafka import KafkaException

from deploy.ports import HERE, HOST, Place, answers
from deploy.server import LocalServer, ServiceError
from runtime.kafka import admin, ignore, quiet_log
from runtime.settings import Settings

_KAFKA = Path(__file__).with_name("kafka")
_JARS = _KAFKA / "lib"
_JVM = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC")
_UNOPTIMISED = "-XX:TieredStopAtLevel=1"
"""Without the optimising compiler, which for its first minute takes a third of a core from those that it serves. A
broker that lasts has it: from then on it needs less."""
_FORMAT_TIMEOUT_S = 60.0


class KafkaServer(LocalServer):
    """Broker and controller in one process. `options` are added to its server.properties.

    `far`: the port of a proxy. Who comes through it is sent through it again, where a broker's clients are told its
    address; the proxy leads to `far_port`. `lasting`: it is to run for minutes.
    """

    name = "Kafka"
    _taken = "Address already in use"
    _ports_needed = 3

    def __init__(
        self,
        folder: Path,
        options: dict[str, str] | None = None,
        far: int | None = None,
        place: Place = HERE,
        *,
        lasting: bool = False,
    ) -> None:
        super().__init__(folder, place)
        self._lasting = lasting
        self._options = options or {}
        self._far = far

    @property
    def far_port(self) -> int:
        """Where the proxy must lead; known after the first start."""
        return self._ports[2]

    @property
    def bootstrap(self) -> str:
        """What goes into `STOCKTIDE_KAFKA_BOOTSTRAP`."""
        return f"{self.place.address}:{self.port}"

    def _prepare(self) -> list[str]:
        java = _java()
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{k}={v}\n" for k, v in self._properties().items()))
        if not (self._data / "meta.properties").exists():
            self._format(java, properties)
        compiler = () if self._lasting else (_UNOPTIMISED,)
        return [*java, *_JVM, *compiler, "kafka.Kafka", str(properties)]

    def _ready(self) -> bool:
        if not answers(self.port, self.place.address):
            return False
        client = admin(Settings(kafka_bootstrap=self.bootstrap), logger=quiet_log, error_cb=ignore)
        try:
            return bool(client.list_topics(timeout=2.0).cluster_id == self._cluster_id())
        except KafkaException:
            return False

    def _cluster_id(self) -> str:
        """The id that our data folder was given: a broker with another one has taken our port."""
        lines = (self._data / "meta.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _format(self, java: list[str], properties: Path) -> None:
        """Give the empty data folder its cluster id."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*java, _UNOPTIMISED, "kafka.tools.StorageTool", "format"]
        command += ["--cluster-id=" + cluster, "--config", str(properties)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=_FORMAT_TIMEOUT_S)
        if done.returncode:
            raise ServiceError(f"Kafka's storage could not be formatted: {done.stderr.decode()[-2000:]}")

    def _properties(self) -> dict[str, str]:
        client, controller, _ = self._ports
        here = self.place.address
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{here}:{controller}",
            "listeners": f"CLIENT://{here}:{client},CONTROLLER://{here}:{controller}",
            "advertised.listeners": f"CLIENT://{here}:{client}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self._data),
            # A name that nobody created is an error, not a topic with the wrong properties.
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            # A killed broker may come back only when its session has ended: 9 s by default.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "1000",
            # Twice a second it would write down that nothing has happened, which nobody else reads.
            "metadata.max.idle.interval.ms": "0",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # Defaults are for a machine of its own: 128 MB of heap for the cleaner, 10 MB an index.
            "log.cleaner.dedupe.buffer.size": str(16 << 20),
            "log.index.size.max.bytes": str(1 << 20),
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
            **(self._far_listener() if self._far is not None else {}),
            **self._options,
        }

    def _far_listener(self) -> dict[str, str]:
        client, controller, far = self._ports
        here = self.place.address
        return {
            "listeners": f"CLIENT://{here}:{client},CONTROLLER://{here}:{controller},FAR://{here}:{far}",
            "advertised.listeners": f"CLIENT://{here}:{client},FAR://{HOST}:{self._far}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,FAR:PLAINTEXT",
        }


def _java() -> list[str]:
    """The command up to the class name, or what to install."""
    java_home = os.environ.get("JAVA_HOME")
    java = shutil.which("java") or (java_home and shutil.which(f"{java_home}/bin/java"))
    if not java:
        raise ServiceError(
            "Kafka needs Java 17 or newer and there is no `java`: install the package default-jre-headless "
            "(Debian, Ubuntu), or set STOCKTIDE_KAFKA_BOOTSTRAP to a Kafka that is there"
        )
    if not any(_JARS.glob("kafka_*.jar")):
        raise ServiceError(
            "Kafka's jars are not there: run `make kafka`, which needs Maven (package maven), or set "
            "STOCKTIDE_KAFKA_BOOTSTRAP to a Kafka that is there"
        )
    logging_options = f"-Dlog4j2.configurationFile={_KAFKA / 'log4j2.properties'}"
    return [str(java), "-cp", f"{_JARS}/*", logging_options, "-Djava.awt.headless=true"]
