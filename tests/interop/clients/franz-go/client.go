// franz-go against a broker: see tests/interop/interop.py for how this is run.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	topic   = os.Getenv("TOPIC")
	base    = time.UnixMilli(time.Now().UnixMilli() - 3_600_000) // what is older than retention.ms goes at once
	patient context.Context
)

func check(good bool, format string, arguments ...any) {
	if !good {
		fmt.Fprintf(os.Stderr, format+"\n", arguments...)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func client(options ...kgo.Opt) *kgo.Client {
	seeds := kgo.SeedBrokers(strings.Split(os.Getenv("BOOTSTRAP"), ",")...)
	return must(kgo.NewClient(append(options, seeds)...))
}

func admin() *kadm.Client { return kadm.NewClient(client()) }

func makeTopic(partitions int32) error {
	_, err := admin().CreateTopic(patient, partitions, 3, nil, topic)
	return err
}

func produce(records []*kgo.Record, options ...kgo.Opt) []*kgo.Record {
	producer := client(append(options, kgo.DefaultProduceTopic(topic))...)
	defer producer.Close()
	results := producer.ProduceSync(patient, records...)
	check(results.FirstErr() == nil, "a record was not taken: %v", results.FirstErr())
	return records
}

func take(reader *kgo.Client, count int) []*kgo.Record {
	var records []*kgo.Record
	for len(records) < count {
		fetches := reader.PollRecords(patient, count-len(records))
		for _, failed := range fetches.Errors() {
			check(false, "after %d of %d records: %v", len(records), count, failed.Err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func at(partition int32, offset kgo.Offset) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: offset}})
}

func readAll(count int) []*kgo.Record {
	reader := client(at(0, kgo.NewOffset().AtStart()))
	defer reader.Close()
	return take(reader, count)
}

func plain(first, end int) []*kgo.Record {
	var records []*kgo.Record
	for i := first; i < end; i++ {
		value := fmt.Sprintf("value-%d %s", i, strings.Repeat("abc", 30))
		records = append(records, &kgo.Record{Key: []byte(fmt.Sprintf("key-%d", i)), Value: []byte(value)})
	}
	return records
}

func checkSame(got, sent []*kgo.Record) {
	check(len(got) == len(sent), "%d records of %d", len(got), len(sent))
	for i := range sent {
		check(bytes.Equal(got[i].Value, sent[i].Value), "record %d is %.40q in place of %.40q", i, got[i].Value,
			sent[i].Value)
	}
}

// eventually: a change is there at once on the node that took it; on the others a moment later.
func eventually(condition func() bool, sentence string) {
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(100 * time.Millisecond) {
		check(time.Now().Before(deadline), sentence)
	}
}

func create() {
	check(makeTopic(3) == nil, "the topic was not made")
	topics := must(admin().ListTopics(patient))
	check(topics.Has(topic), "the new topic is not listed")
	check(len(topics[topic].Partitions) == 3, "not 3 partitions")
	for _, partition := range topics[topic].Partitions {
		check(len(partition.Replicas) == 3 && len(partition.ISR) > 0, "described as %v", partition)
	}
	check(len(must(admin().ListBrokers(patient))) == 3, "not three brokers")
	check(makeTopic(3) == kerr.TopicAlreadyExists, "a topic could be created twice")
}

func produceWith(codec kgo.CompressionCodec) func() {
	return func() {
		check(makeTopic(1) == nil, "the topic was not made")
		produce(plain(0, 500), kgo.ProducerBatchCompression(codec))
		checkSame(readAll(500), plain(0, 500))
	}
}

func idempotent() {
	check(makeTopic(1) == nil, "the topic was not made")
	for i, record := range produce(plain(0, 2000)) {
		check(record.Offset == int64(i), "record %d is at offset %d", i, record.Offset)
	}
	checkSame(readAll(2000), plain(0, 2000))
}

func assignment() {
	check(makeTopic(2) == nil, "the topic was not made")
	produce(plain(0, 300))
	ends := must(admin().ListEndOffsets(patient, topic))
	end := ends[topic][0].Offset
	check(end+ends[topic][1].Offset == 300, "ends are %v", ends)
	reader := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AtStart(), 1: kgo.NewOffset().AtStart()}}))
	defer reader.Close()
	check(len(take(reader, 300)) == 300, "not all records came")
	near := client(at(0, kgo.NewOffset().AtEnd().Relative(-5)))
	defer near.Close()
	check(take(near, 5)[4].Offset == end-1, "seeking near the end")
}

func timestamps() {
	check(makeTopic(1) == nil, "the topic was not made")
	var records []*kgo.Record
	for i := 0; i < 100; i++ {
		records = append(records, &kgo.Record{Value: []byte(fmt.Sprint(i)), Timestamp: base.Add(time.Duration(i) * time.Second)})
	}
	produce(records)
	found := must(admin().ListOffsetsAfterMilli(patient, base.UnixMilli()+41_500, topic))
	check(found[topic][0].Offset == 42, "the offset at 41.5 s is %d", found[topic][0].Offset)
	reader := client(at(0, kgo.NewOffset().AfterMilli(base.UnixMilli()+41_500)))
	defer reader.Close()
	record := take(reader, 1)[0]
	check(string(record.Value) == "42" && record.Timestamp.Equal(base.Add(42*time.Second)), "got %s", record.Value)
	newest := must(admin().ListMaxTimestampOffsets(patient, topic))
	check(newest[topic][0].Offset == 99, "the greatest timestamp is at %d", newest[topic][0].Offset)
}

func headers() {
	check(makeTopic(1) == nil, "the topic was not made")
	sent := []kgo.RecordHeader{{Key: "trace", Value: []byte("1")}, {Key: "trace", Value: []byte("2")},
		{Key: "empty", Value: []byte{}}, {Key: "none", Value: nil}}
	produce([]*kgo.Record{{Key: []byte("k"), Value: []byte("v"), Headers: sent}})
	got := readAll(1)[0].Headers
	check(fmt.Sprint(got) == fmt.Sprint(sent) && got[3].Value == nil && got[2].Value != nil, "headers came as %v", got)
}

func nulls() {
	check(makeTopic(1) == nil, "the topic was not made")
	sent := []*kgo.Record{{Value: []byte("only a value")}, {Key: []byte("only a key")}, {}, {Key: []byte{}, Value: []byte{}}}
	produce(sent)
	for i, got := range readAll(4) {
		same := bytes.Equal(got.Key, sent[i].Key) && bytes.Equal(got.Value, sent[i].Value) &&
			(got.Key == nil) == (sent[i].Key == nil) && (got.Value == nil) == (sent[i].Value == nil)
		check(same, "record %d came as key %v, value %v", i, got.Key, got.Value)
	}
}

func large() {
	check(makeTopic(1) == nil, "the topic was not made")
	noise := make([]byte, 500_000)
	must(rand.Read(noise))
	big := []byte(hex.EncodeToString(noise))
	sent := []*kgo.Record{{Value: big}, {Value: big}, {Value: big}}
	produce(sent, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(1_048_588))
	checkSame(readAll(3), sent)
}

func administer() {
	check(makeTopic(1) == nil, "the topic was not made")
	produce(plain(0, 100))
	client := admin()
	day := "86400000"
	altered := must(client.AlterTopicConfigs(patient, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &day}}, topic))
	check(altered[0].Err == nil, "%v", altered[0].Err)
	eventually(func() bool {
		for _, config := range must(client.DescribeTopicConfigs(patient, topic))[0].Configs {
			if config.Key == "retention.ms" {
				return *config.Value == day
			}
		}
		return false
	}, "retention.ms was not set")
	grown := must(client.CreatePartitions(patient, 3, topic))
	check(grown[topic].Err == nil, "%v", grown[topic].Err)
	eventually(func() bool { return len(must(client.ListTopics(patient, topic))[topic].Partitions) == 4 }, "not 4 partitions")
	for _, folders := range must(client.DescribeAllLogDirs(patient, kadm.TopicsSet{topic: {0: {}}})) {
		for _, folder := range folders {
			check(folder.Err == nil && folder.Topics[topic][0].Size > 1000, "the log takes %d bytes", folder.Topics[topic][0].Size)
		}
	}
	cut := kadm.Offsets{}
	cut.AddOffset(topic, 0, 60, -1)
	deleted := must(client.DeleteRecords(patient, cut))
	check(deleted[topic][0].Err == nil && deleted[topic][0].LowWatermark == 60, "deleted: %v", deleted[topic][0])
	check(readAll(40)[0].Offset == 60, "the first record left is not 60")
	gone := must(client.DeleteTopics(patient, topic))
	check(gone[topic].Err == nil, "%v", gone[topic].Err)
	eventually(func() bool { return !must(client.ListTopics(patient)).Has(topic) }, "the topic is still listed")
}

func failover() {
	check(makeTopic(1) == nil, "the topic was not made")
	all := plain(0, 4000)
	producer := client(kgo.DefaultProduceTopic(topic))
	var sent sync.WaitGroup
	for i, record := range all {
		sent.Add(1)
		producer.Produce(patient, record, func(_ *kgo.Record, err error) {
			check(err == nil, "a record was not taken: %v", err)
			sent.Done()
		})
		time.Sleep(500 * time.Microsecond)
		if i == 2000 {
			fmt.Println("@kill-leader")
			bufio.NewScanner(os.Stdin).Scan()
		}
	}
	sent.Wait()
	checkSame(readAll(4000), all)
}

func commit() {
	check(makeTopic(1) == nil, "the topic was not made")
	produce(plain(0, 100))
	group := topic + "-group"
	open := func() *kgo.Client {
		return client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	}
	reader := open()
	records := take(reader, 40)
	check(records[39].Offset == 39, "the first 40 records")
	check(reader.CommitRecords(patient, records...) == nil, "not committed")
	reader.Close()
	reader = open()
	check(take(reader, 1)[0].Offset == 40, "does not resume at the committed offset")
	reader.Close()
	committed := must(admin().FetchOffsets(patient, group))
	check(committed[topic][0].At == 40, "the committed offset is %d", committed[topic][0].At)
	described := must(admin().DescribeGroups(patient, group))
	check(described[group].Err == nil, "%v", described[group].Err)
}

func member() {
	reader := client(kgo.ConsumerGroup(topic+"-group"), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.RangeBalancer()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(500*time.Millisecond), kgo.AutoCommitInterval(200*time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, now map[string][]int32) {
			fmt.Println("assigned", len(now[topic]))
		}))
	for {
		reader.PollFetches(context.Background()).EachRecord(func(record *kgo.Record) {
			fmt.Println("got", string(record.Value))
		})
	}
}

func main() {
	var cancel context.CancelFunc
	patient, cancel = context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	features := map[string]func(){
		"create": create, "idempotent": idempotent, "assignment": assignment, "timestamps": timestamps,
		"headers": headers, "nulls": nulls, "large": large, "admin": administer, "failover": failover,
		"commit": commit, "member": member,
		"produce-none":   produceWith(kgo.NoCompression()),
		"produce-gzip":   produceWith(kgo.GzipCompression()),
		"produce-snappy": produceWith(kgo.SnappyCompression()),
		"produce-lz4":    produceWith(kgo.Lz4Compression()),
		"produce-zstd":   produceWith(kgo.ZstdCompression()),
	}
	features[os.Args[1]]()
}
