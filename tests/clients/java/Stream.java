import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Streams known records into a node and compares what comes out, record by record.
 *
 * <pre>
 *   produce BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES CODEC,CODEC...
 *   verify  BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES [any-time]
 * </pre>
 *
 * Record seq of a topic: key = seq in decimal, value = line seq % lines, partition = seq %
 * partitions, timestamp = FIRST_TIMESTAMP + seq (not compared with any-time).
 */
public final class Stream {
  private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
  private static final int MISMATCHES_MAX = 10;
  private static final long QUIET_NANOS_MAX = 60_000_000_000L;
  private static final long PROGRESS_NANOS = 100_000_000L;

  private final String bootstrap;
  private final String[] topics;
  private final int partitions;
  private final long count; // of each topic
  private final byte[][] lines;
  private final boolean compareTime;
  private int mismatches;

  private Stream(String[] args) throws Exception {
    bootstrap = args[1];
    topics = args[2].split(",");
    partitions = Integer.parseInt(args[3]);
    count = Long.parseLong(args[4]);
    List<byte[]> read = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of(args[5]))) {
      read.add(line.getBytes(StandardCharsets.UTF_8));
    }
    lines = read.toArray(new byte[0][]);
    compareTime = args.length < 7 || !args[6].equals("any-time");
  }

  public static void main(String[] args) throws Exception {
    Stream stream = new Stream(args);
    boolean good = args[0].equals("produce") ? stream.produce(args[6].split(",")) : stream.verify();
    System.out.flush();
    // Without close(): the broker may be gone already, on purpose.
    Runtime.getRuntime().halt(good ? 0 : 1);
  }

  private static byte[] keyOf(long seq) {
    return Long.toString(seq).getBytes(StandardCharsets.US_ASCII);
  }

  private boolean produce(String[] codecs) throws Exception {
    long started = System.nanoTime();
    AtomicLong acked = new AtomicLong();
    AtomicReference<String> wrong = new AtomicReference<>();
    // Said at once: whoever listens then kills the broker.
    Runnable onAcked = () -> {
      if (acked.incrementAndGet() != count * topics.length) return;
      System.out.printf("acked %d in %.3f s%n", count * topics.length,
          (System.nanoTime() - started) / 1e9);
      System.out.flush();
    };
    for (int i = 0; i < topics.length; i++) {
      produceTopic(topics[i], codecs[i % codecs.length], onAcked, wrong);
    }
    if (wrong.get() != null || acked.get() != count * topics.length) {
      System.out.printf("FAIL acknowledged %d of %d: %s%n", acked.get(), count * topics.length,
          wrong.get());
      return false;
    }
    return true;
  }

  private void produceTopic(String topic, String codec, Runnable onAcked,
      AtomicReference<String> wrong) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("acks", "all");
    config.put("enable.idempotence", true);
    config.put("compression.type", codec);
    config.put("linger.ms", 20);
    config.put("batch.size", partitions > 100 ? 16 << 10 : 256 << 10);
    config.put("buffer.memory", 48L << 20);
    try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(),
        new ByteArraySerializer())) {
      for (long seq = 0; seq < count; seq++) {
        long due = seq / partitions;
        long at = seq;
        producer.send(new ProducerRecord<>(topic, (int) (seq % partitions), FIRST_TIMESTAMP + seq,
            keyOf(seq), lines[(int) (seq % lines.length)]), (metadata, error) -> {
          if (error != null) {
            wrong.compareAndSet(null, topic + " record " + at + ": " + error);
          } else if (metadata.offset() != due) {
            wrong.compareAndSet(null, "record " + at + " acknowledged as " + metadata
                + ", expected offset " + due);
          } else {
            onAcked.run();
          }
        });
      }
      producer.flush();
    }
  }

  private void mismatch(String what) {
    if (++mismatches <= MISMATCHES_MAX) System.out.println("MISMATCH " + what);
  }

  private void compare(ConsumerRecord<byte[], byte[]> record, long offset) {
    long seq = record.partition() + offset * partitions;
    String where = record.topic() + "-" + record.partition() + "@" + offset;
    if (record.offset() != offset) {
      mismatch(where + ": came as offset " + record.offset());
    } else if (seq >= count) {
      mismatch(where + ": a record past the last");
    } else if (!Arrays.equals(record.key(), keyOf(seq))) {
      mismatch(where + ": key " + new String(record.key()) + ", expected " + seq);
    } else if (!Arrays.equals(record.value(), lines[(int) (seq % lines.length)])) {
      mismatch(where + ": value " + new String(record.value()) + ", expected "
          + new String(lines[(int) (seq % lines.length)]));
    } else if (compareTime && record.timestamp() != FIRST_TIMESTAMP + seq) {
      mismatch(where + ": timestamp " + record.timestamp() + ", expected "
          + (FIRST_TIMESTAMP + seq));
    }
  }

  private KafkaConsumer<byte[], byte[]> newConsumer() {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("auto.offset.reset", "none");
    config.put("enable.auto.commit", false);
    config.put("max.poll.records", 5000);
    config.put("fetch.max.bytes", 8 << 20);
    return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** Also while the partitions are still written, and while the broker restarts. */
  private boolean verify() {
    var consumer = newConsumer();
    Map<TopicPartition, Long> next = new HashMap<>();
    for (String topic : topics) {
      for (int i = 0; i < partitions; i++) next.put(new TopicPartition(topic, i), 0L);
    }
    consumer.assign(next.keySet());
    next.keySet().forEach(partition -> consumer.seek(partition, 0));
    long total = count * topics.length;
    long seen = 0;
    long started = System.nanoTime();
    long last = started;
    long said = started;
    while (seen < total && mismatches < MISMATCHES_MAX) {
      var records = consumer.poll(Duration.ofSeconds(1));
      if (!records.isEmpty()) {
        last = System.nanoTime();
      } else if (System.nanoTime() - last > QUIET_NANOS_MAX) {
        mismatch("no record for 60 s, " + seen + " of " + total + " seen");
        break;
      }
      for (TopicPartition partition : records.partitions()) {
        long offset = next.get(partition);
        for (var record : records.records(partition)) compare(record, offset++);
        seen += records.records(partition).size();
        next.put(partition, offset);
      }
      if (System.nanoTime() - said > PROGRESS_NANOS) {
        said = System.nanoTime();
        System.out.println("seen " + seen);
        System.out.flush();
      }
    }
    if (mismatches == 0) verifyOffsets(consumer, next);
    if (mismatches > 0) {
      System.out.printf("FAIL %d mismatches in %d of %d records%n", mismatches, seen, total);
      return false;
    }
    System.out.printf("compared %d in %.3f s%n", seen, (System.nanoTime() - started) / 1e9);
    return true;
  }

  private void verifyOffsets(KafkaConsumer<byte[], byte[]> consumer,
      Map<TopicPartition, Long> next) {
    long seq = count / 3;
    Map<TopicPartition, Long> times = new HashMap<>();
    next.forEach((partition, offset) -> times.put(partition, FIRST_TIMESTAMP + seq));
    var ends = consumer.endOffsets(next.keySet());
    var found = compareTime ? consumer.offsetsForTimes(times) : null;
    for (TopicPartition partition : next.keySet()) {
      long due = (count - partition.partition() + partitions - 1) / partitions;
      if (ends.get(partition) != due) {
        mismatch(partition + ": end offset " + ends.get(partition) + ", expected " + due);
      }
      due = (seq - partition.partition() + partitions - 1) / partitions;
      if (compareTime && (found.get(partition) == null || found.get(partition).offset() != due)) {
        mismatch(partition + ": offset of time " + (FIRST_TIMESTAMP + seq) + " is "
            + found.get(partition) + ", expected " + due);
      }
    }
  }
}
