package stocktide.peers;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * W1 in one task: a partition of the three co-partitioned topics. Objects on the heap are a read
 * cache; every fold is written through to the stores, whose cache coalesces what goes to the
 * changelog, so a commit never covers an event whose effect is not in a store.
 */
final class Inventory implements Processor<byte[], byte[], byte[], byte[]> {
  static final String POSITIONS = "positions", LINES = "lines", SEEN = "seen";

  private static final AtomicBoolean STARTED = new AtomicBoolean();
  private static final Duration FORGET_EVERY = Duration.ofMinutes(10);
  private static final int LINE = 20; // bytes: version, quantity, location

  private final Settings settings;
  private final EventReader event;
  private final Map<String, Sku> skus = new HashMap<>();
  private final List<Sku> changed = new ArrayList<>();
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<Bytes, byte[]> positions, lines;
  private SeenIds seen;
  private ViewWriter views;

  Inventory(Settings settings) {
    this.settings = settings;
    this.event = new EventReader(settings.schemas());
  }

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    positions = context.getStateStore(POSITIONS);
    lines = context.getStateStore(LINES);
    seen = new SeenIds(context.getStateStore(SEEN));
    views = new ViewWriter(settings);
    try (KeyValueIterator<Bytes, byte[]> all = positions.all()) {
      while (all.hasNext()) {
        KeyValue<Bytes, byte[]> entry = all.next();
        Position position = Position.restored(entry.key.get(), entry.value);
        Sku sku = sku(position.key, 0, position.skuLength);
        sku.add(position);
        change(sku); // what a crash kept from being published; by its version it can be repeated
      }
    }
    context.schedule(
        settings.publishEvery(), PunctuationType.WALL_CLOCK_TIME, time -> publish(time));
    context.schedule(FORGET_EVERY, PunctuationType.WALL_CLOCK_TIME, time -> seen.forgetOld());
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    if (!STARTED.get() && STARTED.compareAndSet(false, true)) {
      views.tellFirst(System.currentTimeMillis());
    }
    event.read(record.value());
    if (!seen.add(event)) {
      return;
    }
    Sku sku = sku(event.bytes, event.skuAt, event.skuLength);
    Position position = sku.at(event.bytes, event.locationAt, event.locationLength);
    switch (event.kind) {
      case MOVEMENT -> {
        position.move(event.occurredAt, event.quantity);
        sku.recordedAt = Math.max(sku.recordedAt, event.recordedAt);
      }
      case RESERVATION -> reserve(sku, position);
      case COUNT -> position.count(event);
    }
    position.events++;
    sku.version++;
    store(position);
    change(sku);
  }

  /** The greatest version of a line says what it wants, and where. */
  private void reserve(Sku sku, Position position) {
    int end = event.lineAt + event.lineLength;
    Bytes line = Bytes.wrap(Arrays.copyOfRange(event.bytes, event.lineAt, end));
    byte[] known = lines.get(line);
    if (known != null) {
      ByteBuffer before = ByteBuffer.wrap(known);
      if (before.getLong() >= event.version) {
        return;
      }
      long quantity = before.getLong();
      int location = before.getInt();
      Position held = location == position.location ? position : sku.at(location);
      held.demand(-quantity);
      if (held != position) {
        store(held);
      }
    }
    position.demand(event.quantity);
    ByteBuffer now = ByteBuffer.allocate(LINE).putLong(event.version).putLong(event.quantity);
    lines.put(line, now.putInt(position.location).array());
  }

  private Sku sku(byte[] bytes, int from, int length) {
    String name = new String(bytes, from, length, ISO_8859_1);
    Sku sku = skus.get(name);
    if (sku == null) {
      sku = new Sku(Arrays.copyOfRange(bytes, from, from + length));
      skus.put(name, sku);
    }
    return sku;
  }

  private void store(Position position) {
    positions.put(Bytes.wrap(position.key), position.stored());
  }

  private void change(Sku sku) {
    if (!sku.changed) {
      sku.changed = true;
      changed.add(sku);
    }
  }

  private void publish(long time) {
    for (Sku sku : changed) {
      sku.changed = false;
      byte[] web = ViewWriter.number(sku.web());
      byte[] amazon = ViewWriter.number(sku.amazon());
      byte[] pickup = ViewWriter.number(sku.pickup());
      views.put(sku, web, amazon, pickup);
      context.forward(new Record<>(sku.id, json(sku, web, amazon, pickup), time));
    }
    views.flush();
    changed.clear();
  }

  private static byte[] json(Sku sku, byte[] web, byte[] amazon, byte[] pickup) {
    return new StringBuilder(80)
        .append("{\"web\":")
        .append(new String(web, ISO_8859_1))
        .append(",\"amazon\":")
        .append(new String(amazon, ISO_8859_1))
        .append(",\"pickup\":")
        .append(new String(pickup, ISO_8859_1))
        .append(",\"version\":")
        .append(sku.version)
        .append('}')
        .toString()
        .getBytes(ISO_8859_1);
  }

  @Override
  public void close() {
    views.close();
  }
}
