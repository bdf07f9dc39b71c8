package stocktide.peers;

/** A set of 128-bit ids in plain arrays, with the hour at which each was first seen (above 0). */
final class IdSet {
  private long[] high, low;
  private int[] hours;
  private int size;

  IdSet(int capacity) {
    high = new long[capacity];
    low = new long[capacity];
    hours = new int[capacity];
  }

  /** False if it is there already. */
  boolean add(long h, long l, int hour) {
    if (size * 2 > hours.length) {
      rebuild(hours.length * 2, Integer.MIN_VALUE);
    }
    int mask = hours.length - 1;
    int i = (int) (h * 0x9E3779B97F4A7C15L >>> 32 ^ l) & mask;
    while (hours[i] != 0) {
      if (high[i] == h && low[i] == l) {
        return false;
      }
      i = (i + 1) & mask;
    }
    high[i] = h;
    low[i] = l;
    hours[i] = hour;
    size++;
    return true;
  }

  /** Forget what was seen before this hour. */
  void forgetBefore(int hour) {
    rebuild(hours.length, hour);
  }

  private void rebuild(int capacity, int oldest) {
    long[] oldHigh = high, oldLow = low;
    int[] oldHours = hours;
    high = new long[capacity];
    low = new long[capacity];
    hours = new int[capacity];
    size = 0;
    for (int i = 0; i < oldHours.length; i++) {
      if (oldHours[i] != 0 && oldHours[i] >= oldest) {
        add(oldHigh[i], oldLow[i], oldHours[i]);
      }
    }
  }
}
