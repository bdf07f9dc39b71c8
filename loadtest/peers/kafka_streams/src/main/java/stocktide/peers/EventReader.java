package stocktide.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;

/**
 * Reads the three records of W1 where they lie in the bytes of a message, without an object for
 * each. After {@link #read} the fields are those of that record; texts are offsets and lengths in
 * {@link #bytes}.
 */
final class EventReader {
  enum Kind {
    MOVEMENT,
    RESERVATION,
    COUNT
  }

  private static final int HEADER = 10; // C3 01 and the fingerprint of the schema
  private static final int RETURN = 2, TRANSFER_IN = 4, RECEIPT = 0, ADJUST = 5; // movements
  private static final int SHIP = 1, TRANSFER_OUT = 3;
  private static final int CANCEL = 5, RELEASE = 6; // actions

  Kind kind;
  byte[] bytes;
  int idAt, idLength;
  long occurredAt, recordedAt;
  int skuAt, skuLength;
  int locationAt, locationLength;

  /** Units that a movement adds, that a line wants now, or that were counted. */
  long quantity;

  int lineAt, lineLength; // reservation and line: the name of a line
  long version;
  long countedAt, countSequence;
  private final long movement, reservation, count;
  private int at;
  private int length;

  EventReader(Path schemas) {
    movement = fingerprint(schemas, "StockMovement");
    reservation = fingerprint(schemas, "Reservation");
    count = fingerprint(schemas, "StockCount");
  }

  private static long fingerprint(Path schemas, String record) {
    try {
      Schema schema = new Schema.Parser().parse(schemas.resolve(record + ".avsc").toFile());
      return SchemaNormalization.parsingFingerprint64(schema);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  void read(byte[] message) {
    bytes = message;
    kind = kind();
    at = HEADER;
    idAt = text();
    idLength = length;
    text(); // source
    occurredAt = number();
    recordedAt = number();
    if (present()) {
      text(); // correlation
    }
    switch (kind) {
      case MOVEMENT -> readMovement();
      case RESERVATION -> readReservation();
      case COUNT -> readCount();
    }
  }

  private Kind kind() {
    if (bytes.length < HEADER || bytes[0] != (byte) 0xC3 || bytes[1] != 1) {
      throw new IllegalArgumentException("not in Avro's single-object encoding");
    }
    long found = 0;
    for (int i = HEADER - 1; i >= 2; i--) {
      found = found << 8 | (bytes[i] & 255);
    }
    if (found == movement) {
      return Kind.MOVEMENT;
    }
    if (found == reservation) {
      return Kind.RESERVATION;
    }
    if (found == count) {
      return Kind.COUNT;
    }
    throw new IllegalArgumentException(
        "not a record of W1: fingerprint " + Long.toHexString(found));
  }

  private void readMovement() {
    readSku();
    readLocation();
    int code = (int) number();
    long units = number();
    quantity =
        switch (code) {
          case RECEIPT, RETURN, TRANSFER_IN, ADJUST -> units;
          case SHIP, TRANSFER_OUT -> -units;
          default -> 0;
        };
  }

  private void readReservation() {
    lineAt = at;
    text();
    text();
    lineLength = at - lineAt;
    version = number();
    int action = (int) number();
    readSku();
    text(); // channel
    if (!present()) {
      throw new IllegalArgumentException("a line without a location: W1 has none");
    }
    readLocation();
    long units = number();
    quantity = action == CANCEL || action == RELEASE ? 0 : units;
  }

  private void readCount() {
    readSku();
    readLocation();
    quantity = number();
    countedAt = number();
    countSequence = number();
  }

  private void readSku() {
    skuAt = text();
    skuLength = length;
  }

  private void readLocation() {
    locationAt = text();
    locationLength = length;
  }

  private boolean present() {
    return bytes[at++] != 0;
  }

  private int text() {
    length = (int) number();
    int first = at;
    at += length;
    return first;
  }

  private long number() {
    long value = 0;
    int shift = 0;
    byte next;
    do {
      next = bytes[at++];
      value |= (long) (next & 0x7f) << shift;
      shift += 7;
    } while (next < 0);
    return (value >>> 1) ^ -(value & 1);
  }
}
