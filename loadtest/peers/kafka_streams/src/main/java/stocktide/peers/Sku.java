package stocktide.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A sku: its positions, and what its channels may sell of them. */
final class Sku {
  private static final int SAFETY_STOCK = 2;
  private static final int FIRST_STORE = 5, LAST = 99; // numbers of locations
  private static final int BUFFER = 1, CAP = 100, THRESHOLD = 2; // of amazon

  final byte[] id;

  /** Events folded so far: a later view has a greater one. */
  long version;

  /** The greatest time at which a movement that is in the view was recorded. */
  long recordedAt;

  boolean changed;
  private final List<Position> positions = new ArrayList<>(4);

  Sku(byte[] id) {
    this.id = id;
  }

  void add(Position position) {
    positions.add(position);
    version += position.events;
  }

  /** The position at a location (null where there is none yet). */
  Position at(int location) {
    for (int i = 0, n = positions.size(); i < n; i++) {
      Position position = positions.get(i);
      if (position.location == location) {
        return position;
      }
    }
    return null;
  }

  Position at(byte[] bytes, int from, int length) {
    Position position = at(Position.number(bytes, from, length));
    if (position == null) {
      byte[] key = Arrays.copyOf(id, id.length + length);
      System.arraycopy(bytes, from, key, id.length, length);
      position = new Position(key, id.length);
      positions.add(position);
    }
    return position;
  }

  long web() {
    return pool(0, LAST);
  }

  long amazon() {
    long offered = Math.min(Math.max(pool(0, FIRST_STORE - 1) - BUFFER, 0), CAP);
    return offered <= THRESHOLD ? 0 : offered;
  }

  long pickup() {
    return pool(FIRST_STORE, LAST);
  }

  private long pool(int first, int last) {
    long sum = 0;
    for (int i = 0, n = positions.size(); i < n; i++) {
      Position position = positions.get(i);
      if (position.location < first || position.location > last) {
        continue;
      }
      long net = position.net();
      long supply = Math.max(net, 0);
      sum += supply - Math.max(-net, 0) - Math.min(supply, SAFETY_STOCK);
    }
    return Math.max(0, sum);
  }
}
