package stocktide.peers;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.ArrayList;
import java.util.List;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;

/** Writes views to Redis, many in a call of the script that guards their versions. */
final class ViewWriter implements AutoCloseable {
  private static final int ROWS = 256; // a call of the script

  private final Jedis redis;
  private final byte[] prefix, script;
  private Pipeline pipeline;
  private List<byte[]> rows;
  private int waiting;

  ViewWriter(Settings settings) {
    redis = new Jedis(settings.redis());
    prefix = settings.redisPrefix();
    script = settings.script();
  }

  /** Tell the harness that the first event is being taken, if nobody has. */
  void tellFirst(long now) {
    redis.setnx(joined("first"), number(now));
  }

  void put(Sku sku, byte[] web, byte[] amazon, byte[] pickup) {
    if (pipeline == null) {
      pipeline = redis.pipelined();
    }
    if (rows == null) {
      rows = new ArrayList<>(1 + ROWS * 6);
      rows.add(prefix);
    }
    rows.add(sku.id);
    rows.add(number(sku.version));
    rows.add(web);
    rows.add(amazon);
    rows.add(pickup);
    rows.add(number(sku.recordedAt));
    if (++waiting == ROWS) {
      call();
    }
  }

  /** Return when Redis has everything. Throws what Redis refused. */
  void flush() {
    if (pipeline == null) {
      return;
    }
    if (rows != null) {
      call();
    }
    for (Object answer : pipeline.syncAndReturnAll()) {
      if (answer instanceof RuntimeException refused) {
        throw refused;
      }
    }
    pipeline = null;
  }

  private void call() {
    pipeline.evalsha(script, List.of(), rows);
    rows = null;
    waiting = 0;
  }

  private byte[] joined(String name) {
    return (new String(prefix, ISO_8859_1) + name).getBytes(ISO_8859_1);
  }

  static byte[] number(long value) {
    return Long.toString(value).getBytes(ISO_8859_1);
  }

  @Override
  public void close() {
    redis.close();
  }
}
