package stocktide.peers;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The event ids of the last day. They are looked up in a set on the heap; the store behind it,
 * whose changelog restores it, has them in chunks: a record an id would more than double the
 * changelog.
 */
final class SeenIds {
  private static final long HOUR_MS = 3_600_000L;
  private static final int MEMORY_HOURS = 24;
  private static final int ID = 16, CHUNK = 32 * ID; // bytes
  private static final byte[] HEX = new byte[256];

  static {
    Arrays.fill(HEX, (byte) -1);
    for (int digit = 0; digit < 16; digit++) {
      HEX["0123456789abcdef".charAt(digit)] = (byte) digit;
    }
  }

  private final KeyValueStore<Bytes, byte[]> store;
  private final IdSet ids = new IdSet(1 << 17);
  private byte[] chunk = {};
  private long chunkNumber;
  private int chunkHour;
  private long streamTime;
  private long high, low;

  SeenIds(KeyValueStore<Bytes, byte[]> store) {
    this.store = store;
    try (KeyValueIterator<Bytes, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<Bytes, byte[]> entry = all.next();
        ByteBuffer key = ByteBuffer.wrap(entry.key.get());
        int hour = (int) key.getLong();
        chunkNumber = Math.max(chunkNumber, key.getLong() + 1);
        streamTime = Math.max(streamTime, hour * HOUR_MS);
        for (ByteBuffer in = ByteBuffer.wrap(entry.value); in.hasRemaining(); ) {
          ids.add(in.getLong(), in.getLong(), hour);
        }
      }
    }
  }

  /** False if the event was seen before. */
  boolean add(EventReader event) {
    streamTime = Math.max(streamTime, event.occurredAt);
    int hour = (int) (streamTime / HOUR_MS);
    if (!readUuid(event)) {
      digest(event);
    }
    if (!ids.add(high, low, hour)) {
      return false;
    }
    if (chunk.length >= CHUNK || chunkHour != hour) {
      chunk = new byte[0];
      chunkNumber++;
      chunkHour = hour;
    }
    byte[] longer = Arrays.copyOf(chunk, chunk.length + ID);
    ByteBuffer.wrap(longer, chunk.length, ID).putLong(high).putLong(low);
    chunk = longer;
    store.put(key(chunkHour, chunkNumber), longer);
    return true;
  }

  void forgetOld() {
    int oldest = (int) (streamTime / HOUR_MS) - MEMORY_HOURS;
    try (KeyValueIterator<Bytes, byte[]> old = store.range(key(0, 0), key(oldest, 0))) {
      while (old.hasNext()) {
        store.delete(old.next().key);
      }
    }
    ids.forgetBefore(oldest);
  }

  private static Bytes key(long hour, long number) {
    return Bytes.wrap(ByteBuffer.allocate(ID).putLong(hour).putLong(number).array());
  }

  /** An id that is written as a UUID is its own 128 bits. */
  private boolean readUuid(EventReader event) {
    if (event.idLength != 36) {
      return false;
    }
    long h = 0, l = 0;
    int wrong = 0, digits = 0;
    for (int i = 0; i < 36; i++) {
      if (i == 8 || i == 13 || i == 18 || i == 23) {
        continue;
      }
      int digit = HEX[event.bytes[event.idAt + i] & 255];
      wrong |= digit;
      if (digits++ < 16) {
        h = h << 4 | (digit & 15);
      } else {
        l = l << 4 | (digit & 15);
      }
    }
    high = h;
    low = l;
    return wrong >= 0;
  }

  private void digest(EventReader event) {
    try {
      MessageDigest md5 = MessageDigest.getInstance("MD5");
      md5.update(event.bytes, event.idAt, event.idLength);
      ByteBuffer digest = ByteBuffer.wrap(md5.digest());
      high = digest.getLong();
      low = digest.getLong();
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error);
    }
  }
}
