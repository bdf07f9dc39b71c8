package stocktide.peers;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * W1 as an application of Kafka Streams: one processor, stores in memory, their changelogs in
 * Kafka.
 */
public final class Main {
  private static final Duration CLOSE_WITHIN = Duration.ofSeconds(20);
  private static final String SOURCE = "events", PROCESSOR = "inventory", SINK = "views";

  private Main() {}

  public static void main(String[] arguments) {
    Settings settings = Settings.fromEnvironment();
    KafkaStreams streams = new KafkaStreams(topology(settings), properties(settings));
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    streams.setStateListener(
        (now, before) -> {
          if (now == KafkaStreams.State.ERROR) {
            Runtime.getRuntime().halt(1); // the harness has to see that it does not work any more
          }
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(CLOSE_WITHIN)));
    streams.start();
  }

  private static Topology topology(Settings settings) {
    String prefix = settings.topicPrefix();
    Topology topology = new Topology();
    topology.addSource(
        SOURCE,
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer(),
        prefix + "stock-movements",
        prefix + "reservations",
        prefix + "wms-adjustments");
    topology.addProcessor(PROCESSOR, () -> new Inventory(settings), SOURCE);
    for (String name : new String[] {Inventory.POSITIONS, Inventory.LINES, Inventory.SEEN}) {
      topology.addStateStore(store(name), PROCESSOR);
    }
    topology.addSink(
        SINK,
        prefix + "availability",
        new ByteArraySerializer(),
        new ByteArraySerializer(),
        PROCESSOR);
    return topology;
  }

  private static StoreBuilder<KeyValueStore<Bytes, byte[]>> store(String name) {
    return Stores.keyValueStoreBuilder(
            Stores.inMemoryKeyValueStore(name), Serdes.Bytes(), Serdes.ByteArray())
        .withLoggingEnabled(Map.of())
        .withCachingEnabled();
  }

  private static Properties properties(Settings settings) {
    Properties given = new Properties();
    given.put(StreamsConfig.APPLICATION_ID_CONFIG, settings.application());
    given.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, settings.bootstrap());
    given.put(StreamsConfig.STATE_DIR_CONFIG, settings.state().toString());
    given.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, settings.guarantee());
    given.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, settings.threads());
    given.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    given.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64 << 20);
    given.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
    consumer(given, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10_000);
    consumer(given, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    consumer(given, ConsumerConfig.CHECK_CRCS_CONFIG, false);
    producer(given, ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    producer(given, ProducerConfig.LINGER_MS_CONFIG, 50);
    producer(given, ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
    producer(given, ProducerConfig.BUFFER_MEMORY_CONFIG, 128 << 20);
    return given;
  }

  private static void consumer(Properties given, String name, Object value) {
    given.put(StreamsConfig.consumerPrefix(name), value);
  }

  private static void producer(Properties given, String name, Object value) {
    given.put(StreamsConfig.producerPrefix(name), value);
  }
}
