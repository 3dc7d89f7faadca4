import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** kafka-clients (admin, producer, consumer) against a live node: Surface BOOTSTRAP. */
public final class Surface {
  private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
  private static final int RECORDS = 1000;
  private static final int STEP_SECONDS_MAX = 20;
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

  private final String bootstrap;
  private final Admin admin;
  private final Checks checks = new Checks();

  private Surface(String bootstrap) {
    this.bootstrap = bootstrap;
    admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 20000,
        "request.timeout.ms", 20000));
  }

  public static void main(String[] args) throws Exception {
    Surface surface = new Surface(args[0]);
    surface.cluster();
    surface.topics();
    for (String codec : CODECS) surface.codec(codec);
    for (String codec : CODECS) surface.storedCodec(codec);
    surface.offsets();
    surface.configs();
    surface.records();
    surface.longPoll();
    surface.limits();
    surface.deletion();
    surface.admin.close(Duration.ofSeconds(1));
    System.exit(surface.checks.finish());
  }

  private static <T> T get(KafkaFuture<T> future) throws Exception {
    return future.get(STEP_SECONDS_MAX, TimeUnit.SECONDS);
  }

  private Void create(String topic, int partitions, Map<String, String> configs) throws Exception {
    var wanted = new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(configs);
    return get(admin.createTopics(List.of(wanted)).all());
  }

  private TopicDescription describe(String topic) throws Exception {
    return get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
  }

  private void cluster() {
    var cluster = admin.describeCluster();
    var nodes = checks.works("describe cluster", () -> get(cluster.nodes()));
    checks.equal("one node", 1, nodes.size());
    var node = nodes.iterator().next();
    checks.equal("its address", bootstrap, node.host() + ":" + node.port());
    var id = checks.works("cluster id", () -> get(cluster.clusterId()));
    checks.check("the cluster id is a UUID", id != null && id.length() == 22, id);
    var quorum = checks.works("describe metadata quorum",
        () -> get(admin.describeMetadataQuorum().quorumInfo()));
    checks.equal("the quorum's leader", node.id(), quorum.leaderId());
    checks.equal("one voter", 1, quorum.voters().size());
    checks.check("its high watermark", quorum.highWatermark() > 0, quorum);
    var features = checks.works("describe features",
        () -> get(admin.describeFeatures().featureMetadata()));
    var version = features.finalizedFeatures().get("metadata.version");
    checks.check("metadata.version is 30", version != null && version.maxVersionLevel() == 30,
        features);
  }

  private void topics() throws Exception {
    String topic = "java-topic";
    checks.works("create a topic", () -> create(topic, 3, Map.of("retention.bytes", "12345678")));
    checks.fails("create it again", TopicExistsException.class, () -> create(topic, 1, Map.of()));
    checks.fails("a bad name", InvalidTopicException.class, () -> create("a b", 1, Map.of()));
    checks.fails("no partitions", InvalidPartitionsException.class,
        () -> create("java-zero", 0, Map.of()));
    checks.fails("an unknown config", InvalidConfigurationException.class,
        () -> create("java-bad", 1, Map.of("no.such", "1")));
    checks.fails("a bad value", InvalidConfigurationException.class,
        () -> create("java-bad", 1, Map.of("cleanup.policy", "burn")));
    checks.fails("three replicas", InvalidReplicationFactorException.class,
        () -> get(admin.createTopics(List.of(new NewTopic("java-three", 1, (short) 3))).all()));
    checks.works("validate only", () -> get(admin.createTopics(
        List.of(new NewTopic("java-only-asked", 1, (short) 1)),
        new CreateTopicsOptions().validateOnly(true)).all()));
    var names = checks.works("list topics", () -> get(admin.listTopics().names()));
    checks.check("only the valid one is there",
        names.contains(topic) && !names.contains("java-only-asked") && !names.contains("java-bad"),
        names);
    var described = checks.works("describe a topic", () -> describe(topic));
    checks.equal("its partitions", 3, described.partitions().size());
    checks.check("its id", !described.topicId().equals(Uuid.ZERO_UUID), described);
    for (var partition : described.partitions()) {
      checks.check("partition " + partition.partition() + ": leader, replicas, ISR",
          partition.leader() != null && partition.replicas().size() == 1
              && partition.isr().equals(partition.replicas()), partition);
    }
    checks.fails("describe an unknown topic", UnknownTopicOrPartitionException.class,
        () -> describe("java-nowhere"));
    checks.works("grow to 6 partitions",
        () -> get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(6))).all()));
    checks.equal("6 partitions", 6, describe(topic).partitions().size());
    checks.fails("shrink to 2", InvalidPartitionsException.class,
        () -> get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all()));
  }

  private KafkaProducer<String, String> producer(Map<String, Object> more) {
    Map<String, Object> config = new HashMap<>(more);
    config.put("bootstrap.servers", bootstrap);
    config.put("linger.ms", 5);
    config.put("delivery.timeout.ms", 20000);
    config.put("request.timeout.ms", 10000);
    return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
  }

  private KafkaConsumer<String, String> consumer(String topic) {
    Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "none",
        "enable.auto.commit", false);
    var made = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    made.assign(List.of(new TopicPartition(topic, 0)));
    return made;
  }

  private static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> from,
      int count) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long end = System.nanoTime() + STEP_SECONDS_MAX * 1_000_000_000L;
    while (records.size() < count && System.nanoTime() < end) {
      from.poll(Duration.ofSeconds(1)).forEach(records::add);
    }
    return records;
  }

  /** What is wrong with the records from offset `first` on; empty when nothing is. */
  private static String difference(List<ConsumerRecord<String, String>> got, int first, int count) {
    if (got.size() != count) return got.size() + " records, expected " + count;
    for (int i = 0; i < count; i++) {
      var record = got.get(i);
      int due = first + i;
      if (record.offset() != due || !record.key().equals("key " + due)
          || !record.value().equals(("value " + due + " ").repeat(1 + due % 7))
          || record.timestamp() != FIRST_TIMESTAMP + due) {
        return "at " + due + ": " + record;
      }
    }
    return "";
  }

  /** The records that difference() expects. */
  private RecordMetadata send(String topic, String codec) throws Exception {
    try (var producer = producer(
        Map.of("compression.type", codec, "enable.idempotence", true, "acks", "all"))) {
      Future<RecordMetadata> last = null;
      for (int i = 0; i < RECORDS; i++) {
        last = producer.send(new ProducerRecord<>(topic, 0, FIRST_TIMESTAMP + i, "key " + i,
            ("value " + i + " ").repeat(1 + i % 7)));
      }
      producer.flush();
      return last.get(STEP_SECONDS_MAX, TimeUnit.SECONDS);
    }
  }

  /** A topic with another codec than its producer's: what the broker packs is read here. */
  private void storedCodec(String codec) throws Exception {
    String topic = "java-stored-" + codec;
    String sent = codec.equals("zstd") ? "gzip" : "zstd";
    String stored = codec.equals("none") ? "uncompressed" : codec;
    checks.works(topic + ": create",
        () -> create(topic, 1, Map.of("retention.ms", "-1", "compression.type", stored)));
    checks.works(topic + ": produce with " + sent, () -> send(topic, sent));
    try (var consumer = consumer(topic)) {
      consumer.seek(new TopicPartition(topic, 0), 0);
      checks.equal(topic + ": each record as sent", "",
          difference(read(consumer, RECORDS), 0, RECORDS));
    }
  }

  private void codec(String codec) throws Exception {
    String topic = "java-" + codec;
    checks.works(codec + ": create", () -> create(topic, 1, Map.of("retention.ms", "-1")));
    var last = checks.works(codec + ": produce with idempotence", () -> send(topic, codec));
    checks.equal(codec + ": the last offset", RECORDS - 1L, last == null ? null : last.offset());
    var zero = new TopicPartition(topic, 0);
    try (var consumer = consumer(topic)) {
      consumer.seek(zero, 0);
      checks.equal(codec + ": each record as sent", "",
          difference(read(consumer, RECORDS), 0, RECORDS));
      consumer.seek(zero, 990);
      checks.equal(codec + ": from offset 990", "", difference(read(consumer, 10), 990, 10));
      var found = checks.works(codec + ": offsets for times",
          () -> consumer.offsetsForTimes(Map.of(zero, FIRST_TIMESTAMP + 700)).get(zero));
      checks.equal(codec + ": offset of a time", 700L, found == null ? null : found.offset());
      checks.equal(codec + ": its time", FIRST_TIMESTAMP + 700,
          found == null ? null : found.timestamp());
      consumer.seek(zero, found == null ? 0 : found.offset());
      checks.equal(codec + ": from that time", "", difference(read(consumer, 300), 700, 300));
      checks.equal(codec + ": no record after the last time", null,
          consumer.offsetsForTimes(Map.of(zero, FIRST_TIMESTAMP + RECORDS)).get(zero));
    }
  }

  private ListOffsetsResultInfo list(String name, OffsetSpec spec) {
    var zero = new TopicPartition("java-snappy", 0);
    return checks.works("list offsets: " + name,
        () -> get(admin.listOffsets(Map.of(zero, spec)).partitionResult(zero)));
  }

  private void offsets() {
    checks.equal("earliest", 0L, list("earliest", OffsetSpec.earliest()).offset());
    checks.equal("latest", (long) RECORDS, list("latest", OffsetSpec.latest()).offset());
    var found = list("max timestamp", OffsetSpec.maxTimestamp());
    checks.equal("offset of the max timestamp", RECORDS - 1L, found.offset());
    checks.equal("the max timestamp", FIRST_TIMESTAMP + RECORDS - 1, found.timestamp());
    found = list("a timestamp", OffsetSpec.forTimestamp(FIRST_TIMESTAMP + 321));
    checks.equal("offset of a timestamp", 321L, found.offset());
    checks.equal("leader epoch of a timestamp", Optional.of(0), found.leaderEpoch());
    found = list("after the last", OffsetSpec.forTimestamp(FIRST_TIMESTAMP + RECORDS));
    checks.equal("nothing after the last", -1L, found.offset());
    checks.equal("earliest local", 0L, list("earliest local", OffsetSpec.earliestLocal()).offset());
    try (var consumer = consumer("java-snappy")) {
      consumer.seek(new TopicPartition("java-snappy", 0), 7_000_000);
      checks.fails("an offset out of range", OffsetOutOfRangeException.class,
          () -> read(consumer, 1));
    }
    var zero = new TopicPartition("java-snappy", 0);
    var producers = checks.works("describe producers",
        () -> get(admin.describeProducers(List.of(zero)).partitionResult(zero)).activeProducers());
    checks.check("one producer, its last sequence",
        producers.size() == 1 && producers.get(0).lastSequence() == RECORDS - 1, producers);
    var dirs = checks.works("describe log dirs",
        () -> get(admin.describeLogDirs(List.of(nodeId())).allDescriptions()).get(nodeId()));
    checks.check("the partition's size", dirs.values().stream()
        .anyMatch(dir -> dir.replicaInfos().containsKey(zero)
            && dir.replicaInfos().get(zero).size() > 5000), dirs);
  }

  private int nodeId() throws Exception {
    return get(admin.describeCluster().nodes()).iterator().next().id();
  }

  private Config configOf(ConfigResource resource) throws Exception {
    return get(admin.describeConfigs(List.of(resource)).all()).get(resource);
  }

  private Void alter(ConfigResource resource, String key, String value, AlterConfigOp.OpType type)
      throws Exception {
    var change = new AlterConfigOp(new ConfigEntry(key, value), type);
    return get(admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all());
  }

  private void configs() throws Exception {
    var topic = new ConfigResource(ConfigResource.Type.TOPIC, "java-topic");
    var config = checks.works("describe configs", () -> configOf(topic));
    checks.equal("set at creation", "12345678", config.get("retention.bytes").value());
    checks.equal("its source", ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG,
        config.get("retention.bytes").source());
    checks.equal("a default", "604800000", config.get("retention.ms").value());
    checks.equal("a default's source", ConfigEntry.ConfigSource.DEFAULT_CONFIG,
        config.get("retention.ms").source());
    checks.works("set a config",
        () -> alter(topic, "retention.ms", "1000000", AlterConfigOp.OpType.SET));
    checks.equal("the new value", "1000000", configOf(topic).get("retention.ms").value());
    checks.works("append to a list",
        () -> alter(topic, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND));
    checks.equal("the list", "delete,compact", configOf(topic).get("cleanup.policy").value());
    checks.works("subtract from a list",
        () -> alter(topic, "cleanup.policy", "compact", AlterConfigOp.OpType.SUBTRACT));
    checks.equal("the list again", "delete", configOf(topic).get("cleanup.policy").value());
    checks.works("delete a config",
        () -> alter(topic, "retention.ms", "", AlterConfigOp.OpType.DELETE));
    checks.equal("the default again", "604800000", configOf(topic).get("retention.ms").value());
    checks.fails("a bad value", InvalidConfigurationException.class,
        () -> alter(topic, "segment.bytes", "many", AlterConfigOp.OpType.SET));
    checks.fails("an unknown topic", UnknownTopicOrPartitionException.class,
        () -> configOf(new ConfigResource(ConfigResource.Type.TOPIC, "java-nowhere")));
    var broker = new ConfigResource(ConfigResource.Type.BROKER, "" + nodeId());
    var all = checks.works("describe configs of the broker", () -> configOf(broker));
    checks.check("many of them", all.entries().size() > 50, all.entries().size());
  }

  private void records() throws Exception {
    String topic = "java-records";
    checks.works("create", () -> create(topic, 1, Map.of()));
    String large = "0123456789".repeat(90_000);
    try (var producer = producer(Map.of())) {
      var headers = new ProducerRecord<>(topic, 0, "k", "v");
      headers.headers().add(new RecordHeader("h", "1".getBytes(StandardCharsets.UTF_8)));
      headers.headers().add(new RecordHeader("h", null));
      for (var record : List.of(new ProducerRecord<String, String>(topic, 0, "tombstone", null),
          new ProducerRecord<String, String>(topic, 0, null, "no key"),
          new ProducerRecord<>(topic, 0, "", ""), new ProducerRecord<>(topic, 0, "large", large),
          headers)) {
        checks.works("produce an odd record",
            () -> producer.send(record).get(STEP_SECONDS_MAX, TimeUnit.SECONDS));
      }
    }
    try (var consumer = consumer(topic)) {
      consumer.seek(new TopicPartition(topic, 0), 0);
      var got = read(consumer, 5);
      checks.equal("odd records", 5, got.size());
      checks.equal("null value", null, got.get(0).value());
      checks.equal("null key", null, got.get(1).key());
      checks.equal("empty key and value", "/", got.get(2).key() + "/" + got.get(2).value());
      checks.check("a large value", got.get(3).value().equals(large), got.get(3).value().length());
      var headers = got.get(4).headers().toArray();
      checks.check("headers", headers.length == 2 && headers[0].value()[0] == '1'
          && headers[1].value() == null, got.get(4).headers());
    }
  }

  /** A consumer that waits at the end gets what comes, without another request of its own. */
  private void longPoll() throws Exception {
    String topic = "java-tail";
    checks.works("create", () -> create(topic, 1, Map.of()));
    try (var consumer = consumer(topic); var producer = producer(Map.of())) {
      consumer.seekToEnd(List.of(new TopicPartition(topic, 0)));
      checks.equal("nothing yet", 0, consumer.poll(Duration.ofMillis(700)).count());
      for (int i = 0; i < 3; i++) {
        String value = "late " + i;
        checks.works("produce", () -> producer.send(new ProducerRecord<>(topic, 0, null, value))
            .get(STEP_SECONDS_MAX, TimeUnit.SECONDS));
        var got = read(consumer, 1);
        checks.check("the reader at the end gets it",
            got.size() == 1 && got.get(0).value().equals(value), got);
      }
    }
  }

  private void limits() throws Exception {
    checks.works("create", () -> create("java-small", 1, Map.of("max.message.bytes", "1000")));
    checks.works("create", () -> create("java-compacted", 1, Map.of("cleanup.policy", "compact")));
    try (var producer = producer(Map.of())) {
      checks.fails("past max.message.bytes", RecordTooLargeException.class,
          () -> producer.send(new ProducerRecord<>("java-small", 0, "k", "x".repeat(2000)))
              .get(STEP_SECONDS_MAX, TimeUnit.SECONDS));
      checks.works("the producer goes on",
          () -> producer.send(new ProducerRecord<>("java-small", 0, "k", "small"))
              .get(STEP_SECONDS_MAX, TimeUnit.SECONDS));
      checks.fails("no key on a compacted topic", InvalidRecordException.class,
          () -> producer.send(new ProducerRecord<>("java-compacted", 0, null, "v"))
              .get(STEP_SECONDS_MAX, TimeUnit.SECONDS));
    }
    String topic = "java-append-time";
    checks.works("create", () -> create(topic, 1,
        Map.of("message.timestamp.type", "LogAppendTime", "compression.type", "gzip")));
    long before = System.currentTimeMillis();
    try (var producer = producer(Map.of("compression.type", "zstd"))) {
      var answer = checks.works("produce with an old time", () -> producer.send(
          new ProducerRecord<>(topic, 0, 5L, "k", "v")).get(STEP_SECONDS_MAX, TimeUnit.SECONDS));
      checks.check("the answer has the broker's time", answer.timestamp() >= before, answer);
    }
    try (var consumer = consumer(topic)) {
      consumer.seek(new TopicPartition(topic, 0), 0);
      var got = read(consumer, 1);
      checks.check("so has the record", got.size() == 1 && got.get(0).timestamp() >= before, got);
    }
  }

  private void deletion() throws Exception {
    String topic = "java-gzip";
    Uuid old = describe(topic).topicId();
    checks.works("delete a topic", () -> get(admin.deleteTopics(List.of(topic)).all()));
    checks.fails("delete it again", UnknownTopicOrPartitionException.class,
        () -> get(admin.deleteTopics(List.of(topic)).all()));
    checks.check("it is not listed", !get(admin.listTopics().names()).contains(topic), topic);
    checks.works("create it again", () -> create(topic, 1, Map.of()));
    checks.check("with a new id", !describe(topic).topicId().equals(old), old);
    try (var producer = producer(Map.of())) {
      var first = checks.works("produce to it", () -> producer.send(
          new ProducerRecord<>(topic, 0, "k", "v")).get(STEP_SECONDS_MAX, TimeUnit.SECONDS));
      checks.equal("it begins with offset 0", 0L, first == null ? null : first.offset());
    }
  }
}
