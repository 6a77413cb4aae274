// Kafka's own Java client against a broker: see tests/interop/interop.py for how this is run.

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

public class Client {
  static final String TOPIC = System.getenv("TOPIC");
  static final TopicPartition FIRST = new TopicPartition(TOPIC, 0);
  static final long BASE = System.currentTimeMillis() - 3_600_000;  // what is older than retention.ms goes at once

  interface Feature {
    void play() throws Exception;
  }

  static void check(boolean good, String sentence) {
    if (!good) throw new IllegalStateException(sentence);
  }

  interface Condition {
    boolean holds() throws Exception;
  }

  /** A change is there at once on the node that took it; on the others a moment later. */
  static void eventually(Condition condition, String sentence) throws Exception {
    long deadline = System.currentTimeMillis() + 20_000;
    while (!condition.holds()) {
      check(System.currentTimeMillis() < deadline, sentence);
      Thread.sleep(100);
    }
  }

  static Map<String, Object> settings(Object... pairs) {
    Map<String, Object> all = new HashMap<>();
    all.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
    for (int i = 0; i < pairs.length; i += 2) all.put((String) pairs[i], pairs[i + 1]);
    return all;
  }

  static Admin admin() {
    return Admin.create(settings());
  }

  static void makeTopic(int partitions) throws Exception {
    try (Admin admin = admin()) {
      admin.createTopics(List.of(new NewTopic(TOPIC, partitions, (short) 3))).all().get();
    }
  }

  static ProducerRecord<String, String> one(String key, String value) {
    return new ProducerRecord<>(TOPIC, null, null, key, value);
  }

  static List<ProducerRecord<String, String>> plain(int first, int end) {
    List<ProducerRecord<String, String>> records = new ArrayList<>();
    for (int i = first; i < end; i++) records.add(one("key-" + i, "value-" + i + " " + "abc".repeat(30)));
    return records;
  }

  static KafkaProducer<String, String> producer(Object... pairs) {
    Map<String, Object> all = settings("acks", "all", "linger.ms", 5);
    all.putAll(settings(pairs));
    return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
  }

  /** The offsets. */
  static List<Long> produce(List<ProducerRecord<String, String>> records, Object... pairs) throws Exception {
    List<Long> offsets = new ArrayList<>();
    try (KafkaProducer<String, String> producer = producer(pairs)) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (ProducerRecord<String, String> record : records) sent.add(producer.send(record));
      for (Future<RecordMetadata> future : sent) offsets.add(future.get().offset());
    }
    return offsets;
  }

  static KafkaConsumer<String, String> consumer(Object... pairs) {
    Map<String, Object> all = settings("auto.offset.reset", "earliest", "enable.auto.commit", false);
    all.putAll(settings(pairs));
    return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
  }

  static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long deadline = System.currentTimeMillis() + 60_000;
    while (records.size() < count) {
      check(System.currentTimeMillis() < deadline, "only " + records.size() + " of " + count + " records came");
      consumer.poll(Duration.ofMillis(500)).forEach(records::add);
    }
    return records;
  }

  static List<ConsumerRecord<String, String>> readAll(int count) {
    try (KafkaConsumer<String, String> consumer = consumer()) {
      consumer.assign(List.of(FIRST));
      consumer.seekToBeginning(List.of(FIRST));
      return take(consumer, count);
    }
  }

  static void checkSame(List<ConsumerRecord<String, String>> got, List<ProducerRecord<String, String>> sent) {
    check(got.size() == sent.size(), got.size() + " records of " + sent.size());
    for (int i = 0; i < sent.size(); i++) {
      check(Objects.equals(got.get(i).value(), sent.get(i).value()) && Objects.equals(got.get(i).key(), sent.get(i).key()),
          "record " + i + " is another");
    }
  }

  static void create() throws Exception {
    makeTopic(3);
    try (Admin admin = admin()) {
      check(admin.listTopics().names().get().contains(TOPIC), "the new topic is not listed");
      TopicDescription described = admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC);
      check(described.partitions().size() == 3, "not 3 partitions");
      described.partitions().forEach(one -> check(one.replicas().size() == 3 && !one.isr().isEmpty(), "described as " + one));
      check(admin.describeCluster().nodes().get().size() == 3, "not three brokers");
    }
    try {
      makeTopic(3);
    } catch (ExecutionException e) {
      check(e.getCause() instanceof TopicExistsException, "a second creation says " + e.getCause());
      return;
    }
    check(false, "a topic could be created twice");
  }

  static Feature produceWith(String codec) {
    return () -> {
      makeTopic(1);
      produce(plain(0, 500), "compression.type", codec);
      checkSame(readAll(500), plain(0, 500));
    };
  }

  static void idempotent() throws Exception {
    makeTopic(1);
    List<Long> offsets = produce(plain(0, 2000), "enable.idempotence", true);
    for (int i = 0; i < 2000; i++) check(offsets.get(i) == i, "record " + i + " is at offset " + offsets.get(i));
    checkSame(readAll(2000), plain(0, 2000));
  }

  static void assignment() throws Exception {
    makeTopic(2);
    produce(plain(0, 300));
    List<TopicPartition> both = List.of(FIRST, new TopicPartition(TOPIC, 1));
    try (KafkaConsumer<String, String> consumer = consumer()) {
      consumer.assign(both);
      Map<TopicPartition, Long> ends = consumer.endOffsets(both);
      check(ends.values().stream().mapToLong(Long::longValue).sum() == 300, "ends are " + ends);
      consumer.seekToBeginning(both);
      check(take(consumer, 300).size() == 300, "not all records came");
      consumer.assign(List.of(FIRST));
      long end = ends.get(FIRST);
      consumer.seek(FIRST, end - 5);
      check(take(consumer, 5).get(4).offset() == end - 1, "seeking near the end");
      consumer.seekToEnd(List.of(FIRST));
      check(consumer.poll(Duration.ofSeconds(2)).isEmpty(), "there is something after the end");
    }
  }

  static void timestamps() throws Exception {
    makeTopic(1);
    List<ProducerRecord<String, String>> records = new ArrayList<>();
    for (int i = 0; i < 100; i++) records.add(new ProducerRecord<>(TOPIC, 0, BASE + 1000L * i, null, "" + i));
    produce(records);
    try (KafkaConsumer<String, String> consumer = consumer(); Admin admin = admin()) {
      OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(FIRST, BASE + 41_500)).get(FIRST);
      check(found.offset() == 42 && found.timestamp() == BASE + 42_000, "at 41.5 s is " + found);
      consumer.assign(List.of(FIRST));
      consumer.seek(FIRST, found.offset());
      check(take(consumer, 1).get(0).value().equals("42"), "the record there is another");
      check(consumer.offsetsForTimes(Map.of(FIRST, BASE + 1_000_000_000)).get(FIRST) == null, "there is one after all");
      long newest = admin.listOffsets(Map.of(FIRST, OffsetSpec.maxTimestamp())).partitionResult(FIRST).get().offset();
      check(newest == 99, "the greatest timestamp is at " + newest);
    }
  }

  static void headers() throws Exception {
    makeTopic(1);
    List<Header> sent = List.of(new RecordHeader("trace", "1".getBytes(UTF_8)), new RecordHeader("trace", "2".getBytes(UTF_8)),
        new RecordHeader("empty", new byte[0]), new RecordHeader("none", (byte[]) null));
    produce(List.of(new ProducerRecord<>(TOPIC, 0, "k", "v", sent)));
    List<Header> got = Arrays.asList(readAll(1).get(0).headers().toArray());
    check(got.equals(sent), "headers came as " + got);
  }

  static void nulls() throws Exception {
    makeTopic(1);
    List<ProducerRecord<String, String>> sent = List.of(one(null, "only a value"), one("only a key", null), one(null, null), one("", ""));
    produce(sent);
    checkSame(readAll(4), sent);
  }

  static void large() throws Exception {
    makeTopic(1);
    byte[] noise = new byte[500_000];
    new Random(1).nextBytes(noise);
    String big = HexFormat.of().formatHex(noise);
    List<ProducerRecord<String, String>> sent = List.of(one("big", big), one("big", big), one("big", big));
    produce(sent, "max.request.size", 2_000_000);
    checkSame(readAll(3), sent);
  }

  static void administer() throws Exception {
    makeTopic(1);
    produce(plain(0, 100));
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
    try (Admin admin = admin()) {
      AlterConfigOp day = new AlterConfigOp(new ConfigEntry("retention.ms", "86400000"), AlterConfigOp.OpType.SET);
      admin.incrementalAlterConfigs(Map.of(resource, List.of(day))).all().get();
      eventually(() -> admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value().equals("86400000"),
          "retention.ms was not set");
      admin.createPartitions(Map.of(TOPIC, NewPartitions.increaseTo(4))).all().get();
      eventually(() -> admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC).partitions().size() == 4, "not 4 partitions");
      admin.describeLogDirs(List.of(1, 2, 3)).allDescriptions().get().values().forEach(folders -> folders.values().forEach(folder -> {
        check(folder.totalBytes().getAsLong() > folder.usableBytes().getAsLong(), "the disk is described as " + folder);
        check(folder.replicaInfos().get(FIRST).size() > 1000, "the log takes " + folder.replicaInfos().get(FIRST));
      }));
      admin.electLeaders(org.apache.kafka.common.ElectionType.PREFERRED, null).all().get();
      check(admin.listPartitionReassignments().reassignments().get().isEmpty(), "something is being reassigned");
      long low = admin.deleteRecords(Map.of(FIRST, RecordsToDelete.beforeOffset(60))).lowWatermarks().get(FIRST).get().lowWatermark();
      check(low == 60, "the low watermark is " + low);
      check(readAll(40).get(0).offset() == 60, "the first record left is not 60");
      admin.deleteTopics(List.of(TOPIC)).all().get();
      eventually(() -> !admin.listTopics().names().get().contains(TOPIC), "the topic is still listed");
    }
  }

  static void failover() throws Exception {
    makeTopic(1);
    List<ProducerRecord<String, String>> all = plain(0, 4000);
    try (KafkaProducer<String, String> producer = producer("enable.idempotence", true)) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int i = 0; i < all.size(); i++) {
        sent.add(producer.send(all.get(i)));
        if (i % 2 == 0) Thread.sleep(1);
        if (i != 2000) continue;
        System.out.println("@kill-leader");
        System.out.flush();
        new Scanner(System.in).nextLine();
      }
      for (int i = 0; i < all.size(); i++) {
        long offset = sent.get(i).get().offset();
        check(offset == i, "record " + i + " is at offset " + offset);
      }
    }
    checkSame(readAll(4000), all);
  }

  static void commit() throws Exception {
    makeTopic(1);
    produce(plain(0, 100));
    String group = TOPIC + "-group";
    try (KafkaConsumer<String, String> consumer = consumer("group.id", group, "max.poll.records", 40)) {
      consumer.subscribe(List.of(TOPIC));
      check(take(consumer, 40).get(39).offset() == 39, "the first 40 records");
      consumer.commitSync(Map.of(FIRST, new OffsetAndMetadata(40, "note")));
    }
    try (KafkaConsumer<String, String> consumer = consumer("group.id", group); Admin admin = admin()) {
      consumer.subscribe(List.of(TOPIC));
      check(take(consumer, 1).get(0).offset() == 40, "does not resume at the committed offset");
      OffsetAndMetadata committed = consumer.committed(Set.of(FIRST)).get(FIRST);
      check(committed.offset() == 40 && committed.metadata().equals("note"), "committed is " + committed);
      check(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(FIRST).offset() == 40, "the admin sees another");
      check(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size() == 1, "not one member");
    }
  }

  static void member() {
    KafkaConsumer<String, String> consumer = consumer("group.id", TOPIC + "-group", "session.timeout.ms", 6000, "heartbeat.interval.ms", 500,
        "partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    consumer.subscribe(List.of(TOPIC), new ConsumerRebalanceListener() {
      public void onPartitionsRevoked(Collection<TopicPartition> gone) {
        Set<TopicPartition> left = new HashSet<>(consumer.assignment());
        left.removeAll(gone);
        tell(left.size());
      }

      public void onPartitionsAssigned(Collection<TopicPartition> added) {
        tell(consumer.assignment().size());
      }

      void tell(int count) {
        System.out.println("assigned " + count);
      }
    });
    while (true) {
      consumer.poll(Duration.ofMillis(500)).forEach(record -> System.out.println("got " + record.value()));
      consumer.commitSync();
    }
  }

  public static void main(String[] arguments) {
    Map<String, Feature> features = new HashMap<>(Map.of("create", Client::create, "idempotent", Client::idempotent,
        "assignment", Client::assignment, "timestamps", Client::timestamps, "headers", Client::headers, "nulls", Client::nulls,
        "large", Client::large, "admin", Client::administer, "failover", Client::failover, "commit", Client::commit));
    features.put("member", Client::member);
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) features.put("produce-" + codec, produceWith(codec));
    try {
      features.get(arguments[0]).play();
      System.exit(0);
    } catch (Throwable e) {
      Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
      System.err.println(cause);
      System.exit(1);
    }
  }
}
