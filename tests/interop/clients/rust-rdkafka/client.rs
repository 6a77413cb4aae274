//! rust-rdkafka against a broker: see tests/interop/interop.py for how this is run.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_executor::block_on;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication, TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(60);

fn fail(sentence: &str) -> ! {
    eprintln!("{sentence}");
    std::process::exit(1)
}

fn check(good: bool, sentence: &str) {
    if !good {
        fail(sentence)
    }
}

fn must<T, E: Debug>(result: Result<T, E>, what: &str) -> T {
    result.unwrap_or_else(|error| fail(&format!("{what}: {error:?}")))
}

/// A change is there at once on the node that took it; on the others a moment later.
fn eventually(condition: impl Fn() -> bool, sentence: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        check(Instant::now() < deadline, sentence);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn variable(name: &str) -> String {
    must(std::env::var(name), name)
}

fn topic() -> String {
    variable("TOPIC")
}

fn settings(more: &[(&str, &str)]) -> ClientConfig {
    let mut all = ClientConfig::new();
    all.set("bootstrap.servers", variable("BOOTSTRAP"));
    for (key, value) in more {
        all.set(*key, *value);
    }
    all
}

fn admin() -> AdminClient<DefaultClientContext> {
    must(settings(&[]).create(), "the admin client")
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// The answer for the one topic that was asked for.
fn settle(answer: Result<Vec<TopicResult>, KafkaError>) -> Result<(), RDKafkaErrorCode> {
    match must(answer, "the request").remove(0) {
        Ok(_) => Ok(()),
        Err((_, code)) => Err(code),
    }
}

fn try_to_make_topic(partitions: i32) -> Result<(), RDKafkaErrorCode> {
    let name = topic();
    let wanted = NewTopic::new(&name, partitions, TopicReplication::Fixed(3));
    settle(block_on(admin().create_topics([&wanted], &options())))
}

fn make_topic(partitions: i32) {
    must(try_to_make_topic(partitions), "creating the topic")
}

/// What is sent, and what comes.
#[derive(Clone, Debug, Default, PartialEq)]
struct Record {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: Option<i64>,
    offset: i64,
}

impl Record {
    fn new(key: Option<&str>, value: Option<&str>) -> Record {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Record { key: key.map(bytes), value: value.map(bytes), ..Record::default() }
    }

    fn from(message: &BorrowedMessage) -> Record {
        Record {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map_or(vec![], |all| {
                all.iter().map(|one| (one.key.to_string(), one.value.map(<[u8]>::to_vec))).collect()
            }),
            timestamp: message.timestamp().to_millis(),
            offset: message.offset(),
        }
    }
}

fn plain(first: usize, end: usize) -> Vec<Record> {
    let value = |i| format!("value-{i} {}", "abc".repeat(30));
    (first..end).map(|i| Record::new(Some(&format!("key-{i}")), Some(&value(i)))).collect()
}

fn values(records: &[Record]) -> Vec<Option<Vec<u8>>> {
    records.iter().map(|record| record.value.clone()).collect()
}

/// The offsets as they are acknowledged.
#[derive(Default)]
struct Delivered(Mutex<Vec<i64>>);

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        match result {
            Ok(message) => self.0.lock().unwrap().push(message.offset()),
            Err((error, _)) => fail(&format!("a record was not taken: {error}")),
        }
    }
}

type Sender = BaseProducer<Delivered>;

fn producer(more: &[(&str, &str)]) -> Sender {
    must(settings(more).create_with_context(Delivered::default()), "the producer")
}

fn send(sender: &Sender, record: &Record) {
    let name = topic();
    let mut one = BaseRecord::<[u8], [u8]>::to(&name);
    one.key = record.key.as_deref();
    one.payload = record.value.as_deref();
    one.timestamp = record.timestamp;
    if !record.headers.is_empty() {
        one.headers = Some(
            record
                .headers
                .iter()
                .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: value.as_ref() })),
        );
    }
    while let Err((error, back)) = sender.send(one) {
        check(error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull), &format!("sending: {error}"));
        sender.poll(Duration::from_millis(100));
        one = back;
    }
    sender.poll(Duration::ZERO);
}

/// The offsets of what was sent, in ascending order.
fn flush(sender: &Sender) -> Vec<i64> {
    must(sender.flush(PATIENCE), "not all records were acknowledged in time");
    let mut offsets = sender.context().0.lock().unwrap().clone();
    offsets.sort_unstable();
    offsets
}

fn produce(records: &[Record], more: &[(&str, &str)]) -> Vec<i64> {
    let sender = producer(&[&[("acks", "all"), ("linger.ms", "5")], more].concat());
    records.iter().for_each(|record| send(&sender, record));
    flush(&sender)
}

fn consumer(group: &str) -> BaseConsumer {
    let more = [("group.id", group), ("enable.auto.commit", "false"), ("auto.offset.reset", "earliest")];
    must(settings(&more).create(), "the consumer")
}

fn at(partition: i32, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    must(list.add_partition_offset(&topic(), partition, offset), "a position");
    list
}

/// Other clients over librdkafka keep to themselves what rust-rdkafka hands on here: that a node could not be reached.
/// The client goes on with the others.
fn is_of_a_connection(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code == Some(RDKafkaErrorCode::BrokerTransportFailure) || code == Some(RDKafkaErrorCode::AllBrokersDown)
}

fn take(reader: &BaseConsumer, count: usize) -> Vec<Record> {
    let deadline = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    while records.len() < count {
        check(Instant::now() < deadline, &format!("only {} of {count} records came", records.len()));
        match reader.poll(Duration::from_secs(1)) {
            Some(Err(error)) if is_of_a_connection(&error) => {}
            Some(message) => records.push(Record::from(&must(message, "reading"))),
            None => {}
        }
    }
    records
}

fn read_all(count: usize) -> Vec<Record> {
    let reader = consumer("by-assignment");
    must(reader.assign(&at(0, Offset::Beginning)), "assigning");
    take(&reader, count)
}

fn create() {
    make_topic(3);
    let client = admin();
    let metadata = must(client.inner().fetch_metadata(None, PATIENCE), "metadata");
    check(metadata.brokers().len() == 3, "not three brokers");
    let name = topic();
    let found = metadata.topics().iter().find(|one| one.name() == name);
    let partitions = found.unwrap_or_else(|| fail("the new topic is not listed")).partitions();
    check(partitions.len() == 3, "not three partitions");
    check(partitions.iter().all(|one| one.replicas().len() == 3), "not three replicas each");
    let again = try_to_make_topic(3);
    check(again == Err(RDKafkaErrorCode::TopicAlreadyExists), &format!("a second creation says {again:?}"));
}

fn produce_with(codec: &str) {
    make_topic(1);
    produce(&plain(0, 500), &[("compression.type", codec)]);
    check(values(&read_all(500)) == values(&plain(0, 500)), "not what was sent");
}

fn idempotent() {
    make_topic(1);
    let offsets = produce(&plain(0, 2000), &[("enable.idempotence", "true")]);
    check(offsets == (0..2000).collect::<Vec<i64>>(), "offsets are not those from 0 to 1999");
    check(values(&read_all(2000)) == values(&plain(0, 2000)), "not in order, or twice");
}

fn assignment() {
    make_topic(2);
    produce(&plain(0, 300), &[]);
    let reader = consumer("by-assignment");
    let watermarks = |one| must(reader.fetch_watermarks(&topic(), one, PATIENCE), "watermarks");
    let ((low0, end), (low1, other)) = (watermarks(0), watermarks(1));
    check((low0, low1, end + other) == (0, 0, 300), "the watermarks do not hold 300 records");
    let mut both = at(0, Offset::Beginning);
    must(both.add_partition_offset(&topic(), 1, Offset::Beginning), "a position");
    must(reader.assign(&both), "assigning");
    let all: HashSet<_> = take(&reader, 300).into_iter().map(|record| record.key).collect();
    check(all.len() == 300, "not all records came");
    must(reader.seek(&topic(), 0, Offset::Offset(end - 5), PATIENCE), "seeking");
    let tail: Vec<i64> = take(&reader, 5).iter().map(|record| record.offset).collect();
    check(tail == (end - 5..end).collect::<Vec<i64>>(), "seeking near the end");
    must(reader.assign(&at(0, Offset::End)), "assigning");
    check(reader.poll(Duration::from_secs(2)).is_none(), "there is something after the end");
}

fn timestamps() {
    make_topic(1);
    let now = must(SystemTime::now().duration_since(UNIX_EPOCH), "the clock").as_millis() as i64;
    let base = now - 3_600_000; // what is older than retention.ms goes at once
    let stamped = |i: i64| Record { timestamp: Some(base + 1000 * i), ..Record::new(None, Some(&i.to_string())) };
    produce(&(0..100).map(stamped).collect::<Vec<_>>(), &[]);
    let reader = consumer("by-assignment");
    let find = |time| must(reader.offsets_for_times(at(0, Offset::Offset(time)), PATIENCE), "offsets by time");
    let found = find(base + 41_500);
    check(found.elements()[0].offset() == Offset::Offset(42), &format!("at 41.5 s is {found:?}"));
    must(reader.assign(&found), "assigning");
    let record = take(&reader, 1).remove(0);
    let expected = (Some(b"42".to_vec()), Some(base + 42_000));
    check((record.value, record.timestamp) == expected, "the record there is another");
    let after = find(base + 1_000_000_000);
    check(after.elements()[0].offset() == Offset::End, &format!("after all records is {after:?}"));
}

fn headers() {
    make_topic(1);
    let header = |key: &str, value: Option<&str>| (key.to_string(), value.map(|text| text.as_bytes().to_vec()));
    let sent =
        vec![header("trace", Some("1")), header("trace", Some("2")), header("empty", Some("")), header("none", None)];
    produce(&[Record { headers: sent.clone(), ..Record::new(Some("k"), Some("v")) }], &[]);
    let got = read_all(1).remove(0).headers;
    check(got == sent, &format!("headers came as {got:?}"));
}

fn nulls() {
    make_topic(1);
    let sent = [
        Record::new(None, Some("only a value")),
        Record::new(Some("only a key"), None),
        Record::new(None, None),
        Record::new(Some(""), Some("")),
    ];
    produce(&sent, &[]);
    let pairs =
        |records: &[Record]| -> Vec<_> { records.iter().map(|one| (one.key.clone(), one.value.clone())).collect() };
    let got = pairs(&read_all(4));
    check(got == pairs(&sent), &format!("came as {got:?}"));
}

fn large() {
    make_topic(1);
    // Does not compress, so that it is as large on its way.
    let mut state = 88_172_645_463_325_252u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let value: Vec<u8> = (0..125_000).flat_map(|_| next()).collect();
    let big = Record { value: Some(value), ..Record::new(Some("big"), None) };
    produce(&vec![big.clone(); 3], &[("message.max.bytes", "2000000")]);
    check(read_all(3).iter().all(|record| record.value == big.value), "not what was sent");
}

fn administer() {
    make_topic(1);
    produce(&plain(0, 100), &[]);
    let (client, name) = (admin(), topic());
    let resource = ResourceSpecifier::Topic(&name);
    let change = AlterConfig::new(ResourceSpecifier::Topic(&name)).set("retention.ms", "86400000");
    let changed = must(block_on(client.alter_configs([&change], &options())), "configs").remove(0);
    check(changed.is_ok(), &format!("setting retention.ms: {changed:?}"));
    let retention = || {
        let described = must(block_on(client.describe_configs([&resource], &options())), "configs").remove(0);
        must(described, "describing").get("retention.ms").and_then(|entry| entry.value.clone())
    };
    eventually(|| retention().as_deref() == Some("86400000"), "retention.ms was not set");
    let more = NewPartitions::new(&name, 4);
    must(settle(block_on(client.create_partitions([&more], &options()))), "more partitions");
    let metadata = |of: Option<&str>| must(client.inner().fetch_metadata(of, PATIENCE), "metadata");
    eventually(|| metadata(Some(&name)).topics()[0].partitions().len() == 4, "not 4 partitions");
    let left = must(block_on(client.delete_records(&at(0, Offset::Offset(60)), &options())), "deleting records");
    check(left.elements()[0].offset() == Offset::Offset(60), &format!("the low watermark is {left:?}"));
    check(read_all(40)[0].offset == 60, "the first record left is not 60");
    must(settle(block_on(client.delete_topics(&[&name], &options()))), "deleting the topic");
    eventually(|| metadata(None).topics().iter().all(|one| one.name() != name), "the topic is still listed");
}

fn failover() {
    make_topic(1);
    produce(&plain(0, 2000), &[("enable.idempotence", "true")]);
    let sender = producer(&[("enable.idempotence", "true")]);
    for (i, record) in plain(2000, 5000).iter().enumerate() {
        send(&sender, record);
        std::thread::sleep(Duration::from_micros(500));
        if i == 1000 {
            println!("@kill-leader");
            must(std::io::stdin().read_line(&mut String::new()), "waiting for the leader's end");
        }
    }
    check(flush(&sender) == (2000..5000).collect::<Vec<i64>>(), "offsets are not those from 2000 to 4999");
    check(values(&read_all(5000)) == values(&plain(0, 5000)), "lost, twice or out of order");
}

fn commit() {
    make_topic(1);
    produce(&plain(0, 100), &[]);
    let (group, name) = (topic() + "-group", topic());
    let reader = consumer(&group);
    must(reader.subscribe(&[&name]), "subscribing");
    check(take(&reader, 40)[39].offset == 39, "the first 40 records");
    must(reader.commit(&at(0, Offset::Offset(40)), CommitMode::Sync), "committing");
    drop(reader);
    let reader = consumer(&group);
    must(reader.subscribe(&[&name]), "subscribing");
    check(take(&reader, 1)[0].offset == 40, "does not resume at the committed offset");
    let committed = must(reader.committed(PATIENCE), "committed offsets");
    check(committed.elements()[0].offset() == Offset::Offset(40), &format!("committed is {committed:?}"));
}

struct Tell;

impl ClientContext for Tell {}

impl ConsumerContext for Tell {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            println!("assigned {}", partitions.count());
        }
    }
}

fn member() {
    let (group, name) = (topic() + "-group", topic());
    let config = settings(&[
        ("group.id", &group),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "500"),
    ]);
    let reader: BaseConsumer<Tell> = must(config.create_with_context(Tell), "the consumer");
    must(reader.subscribe(&[&name]), "subscribing");
    loop {
        if let Some(Ok(message)) = reader.poll(Duration::from_millis(500)) {
            println!("got {}", String::from_utf8_lossy(message.payload().unwrap_or_default()));
            must(reader.commit_message(&message, CommitMode::Async), "committing");
        }
    }
}

fn main() {
    let feature = std::env::args().nth(1).unwrap_or_default();
    match feature.as_str() {
        "create" => create(),
        "idempotent" => idempotent(),
        "assignment" => assignment(),
        "timestamps" => timestamps(),
        "headers" => headers(),
        "nulls" => nulls(),
        "large" => large(),
        "admin" => administer(),
        "failover" => failover(),
        "commit" => commit(),
        "member" => member(),
        _ => match feature.strip_prefix("produce-") {
            Some(codec) => produce_with(codec),
            None => fail(&format!("there is no feature {feature}")),
        },
    }
}
