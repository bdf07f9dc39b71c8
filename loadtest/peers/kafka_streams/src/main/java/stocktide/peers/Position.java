package stocktide.peers;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** A sku at a location: its greatest count, the movements after that, and open demand. */
final class Position {
  private static final long COUNT_HORIZON_MS = 2 * 3_600_000L;
  private static final int FEWEST = 4;
  private static final int FIXED = 46; // bytes of a stored position without its id and movements

  final byte[] key; // sku, then location
  final int skuLength;
  final int location;

  /** Events folded so far, of all kinds. */
  long events;

  private long countedAt = Long.MIN_VALUE, countSequence;
  private byte[] countId = {};
  private long base; // units of the count, and of movements that no count can reach any more
  private long onHand; // base and all movements
  private long demand;
  private long[] times = new long[FEWEST];
  private int[] units = new int[FEWEST];
  private int movements;

  Position(byte[] key, int skuLength) {
    this.key = key;
    this.skuLength = skuLength;
    this.location = number(key, skuLength, key.length - skuLength);
  }

  /** The number in a location's name: 7 of "L07". */
  static int number(byte[] bytes, int at, int length) {
    int value = 0;
    for (int i = 1; i < length; i++) {
      value = value * 10 + bytes[at + i] - '0';
    }
    return value;
  }

  /** What can be promised: a negative on-hand supplies nothing. */
  long net() {
    return Math.max(0, onHand) - demand;
  }

  void demand(long more) {
    demand += more;
  }

  void move(long time, long quantity) {
    if (time <= countedAt) {
      return;
    }
    if (movements == times.length) {
      makeRoom(time);
    }
    times[movements] = time;
    units[movements++] = (int) quantity;
    onHand += quantity;
  }

  void count(EventReader event) {
    if (!isGreater(event)) {
      return;
    }
    countedAt = event.countedAt;
    countSequence = event.countSequence;
    countId = Arrays.copyOfRange(event.bytes, event.idAt, event.idAt + event.idLength);
    base = event.quantity;
    onHand = base;
    int kept = 0;
    for (int i = 0; i < movements; i++) {
      if (times[i] > countedAt) {
        onHand += units[i];
        times[kept] = times[i];
        units[kept++] = units[i];
      }
    }
    movements = kept;
  }

  private boolean isGreater(EventReader event) {
    if (event.countedAt != countedAt) {
      return event.countedAt > countedAt;
    }
    if (event.countSequence != countSequence) {
      return event.countSequence > countSequence;
    }
    int end = event.idAt + event.idLength;
    return Arrays.compare(event.bytes, event.idAt, end, countId, 0, countId.length) > 0;
  }

  /** Movements beyond the horizon of counts become part of the base. */
  private void makeRoom(long time) {
    long newest = time;
    for (int i = 0; i < movements; i++) {
      newest = Math.max(newest, times[i]);
    }
    int kept = 0;
    for (int i = 0; i < movements; i++) {
      if (times[i] < newest - COUNT_HORIZON_MS) {
        base += units[i];
      } else {
        times[kept] = times[i];
        units[kept++] = units[i];
      }
    }
    movements = kept;
    if (kept > times.length / 2) {
      times = Arrays.copyOf(times, 2 * times.length);
      units = Arrays.copyOf(units, times.length);
    }
  }

  byte[] stored() {
    byte[] value = new byte[FIXED + countId.length + 12 * movements];
    ByteBuffer out = ByteBuffer.wrap(value);
    out.put((byte) skuLength).putLong(events).putLong(countedAt).putLong(countSequence);
    out.put((byte) countId.length).put(countId).putLong(base).putLong(demand).putInt(movements);
    for (int i = 0; i < movements; i++) {
      out.putLong(times[i]).putInt(units[i]);
    }
    return value;
  }

  static Position restored(byte[] key, byte[] value) {
    ByteBuffer in = ByteBuffer.wrap(value);
    Position position = new Position(key, in.get());
    position.events = in.getLong();
    position.countedAt = in.getLong();
    position.countSequence = in.getLong();
    position.countId = new byte[in.get()];
    in.get(position.countId);
    position.base = in.getLong();
    position.demand = in.getLong();
    position.movements = in.getInt();
    position.times = new long[Math.max(FEWEST, position.movements)];
    position.units = new int[position.times.length];
    position.onHand = position.base;
    for (int i = 0; i < position.movements; i++) {
      position.times[i] = in.getLong();
      position.units[i] = in.getInt();
      position.onHand += position.units[i];
    }
    return position;
  }
}
