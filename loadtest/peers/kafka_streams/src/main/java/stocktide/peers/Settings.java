package stocktide.peers;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/** What the harness tells a peer, in environment variables. */
record Settings(
    String bootstrap,
    URI redis,
    byte[] redisPrefix,
    byte[] script,
    String topicPrefix,
    String application,
    Path state,
    Path schemas,
    Duration publishEvery,
    String guarantee,
    int threads) {

  static Settings fromEnvironment() {
    return new Settings(
        text("BOOTSTRAP"),
        URI.create(text("REDIS_URL")),
        text("REDIS_PREFIX").getBytes(StandardCharsets.UTF_8),
        text("SCRIPT").getBytes(StandardCharsets.UTF_8),
        text("TOPIC_PREFIX"),
        text("APPLICATION"),
        Path.of(text("STATE")),
        Path.of(text("SCHEMAS")),
        Duration.ofMillis(Long.parseLong(text("PUBLISH_EVERY_MS"))),
        text("GUARANTEE"),
        Integer.parseInt(text("PARALLEL")));
  }

  private static String text(String name) {
    String value = System.getenv("PEER_" + name);
    if (value == null) {
      throw new IllegalArgumentException(
          "PEER_" + name + " is not set: `python -m loadtest compare` starts this program");
    }
    return value;
  }
}
