// sarama against a broker: see tests/interop/interop.py for how this is run.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

const patience = 60 * time.Second

var (
	topic   = os.Getenv("TOPIC")
	brokers = strings.Split(os.Getenv("BOOTSTRAP"), ",")
	base    = time.UnixMilli(time.Now().UnixMilli() - 3_600_000) // what is older than retention.ms goes at once
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

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	return config
}

func admin() sarama.ClusterAdmin { return must(sarama.NewClusterAdmin(brokers, settings())) }

func makeTopic(partitions int32) error {
	return admin().CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 3}, false)
}

func produce(messages []*sarama.ProducerMessage, config *sarama.Config) {
	producer := must(sarama.NewSyncProducer(brokers, config))
	defer producer.Close()
	if err := producer.SendMessages(messages); err != nil {
		failed := sarama.ProducerErrors{}
		check(!errors.As(err, &failed), "a record was not taken: %v", failed[0].Err)
		check(false, "%v", err)
	}
}

func readFrom(count int, offset int64) []*sarama.ConsumerMessage {
	consumer := must(sarama.NewConsumer(brokers, settings()))
	defer consumer.Close()
	partition := must(consumer.ConsumePartition(topic, 0, offset))
	defer partition.Close()
	var records []*sarama.ConsumerMessage
	for deadline := time.After(patience); len(records) < count; {
		select {
		case record := <-partition.Messages():
			records = append(records, record)
		case <-deadline:
			check(false, "only %d of %d records came", len(records), count)
		}
	}
	return records
}

func readAll(count int) []*sarama.ConsumerMessage { return readFrom(count, sarama.OffsetOldest) }

func plain(first, end int) []*sarama.ProducerMessage {
	var messages []*sarama.ProducerMessage
	for i := first; i < end; i++ {
		value := fmt.Sprintf("value-%d %s", i, strings.Repeat("abc", 30))
		messages = append(messages, &sarama.ProducerMessage{
			Topic: topic, Key: sarama.StringEncoder(fmt.Sprintf("key-%d", i)), Value: sarama.StringEncoder(value)})
	}
	return messages
}

func checkSame(got []*sarama.ConsumerMessage, sent []*sarama.ProducerMessage) {
	check(len(got) == len(sent), "%d records of %d", len(got), len(sent))
	for i := range sent {
		check(bytes.Equal(got[i].Value, must(sent[i].Value.Encode())), "record %d is %.40q", i, got[i].Value)
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
	_, listed := must(admin().ListTopics())[topic]
	check(listed, "the new topic is not listed")
	described := must(admin().DescribeTopics([]string{topic}))[0]
	check(len(described.Partitions) == 3, "not 3 partitions")
	for _, partition := range described.Partitions {
		check(len(partition.Replicas) == 3 && len(partition.Isr) > 0, "described as %v", partition)
	}
	nodes, _, err := admin().DescribeCluster()
	check(err == nil && len(nodes) == 3, "not three brokers")
	check(errors.Is(makeTopic(3), sarama.ErrTopicAlreadyExists), "a topic could be created twice")
}

func produceWith(codec sarama.CompressionCodec) func() {
	return func() {
		check(makeTopic(1) == nil, "the topic was not made")
		config := settings()
		config.Producer.Compression = codec
		produce(plain(0, 500), config)
		checkSame(readAll(500), plain(0, 500))
	}
}

func idempotentSettings() *sarama.Config {
	config := settings()
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Retry.Max = 50
	return config
}

func idempotent() {
	check(makeTopic(1) == nil, "the topic was not made")
	messages := plain(0, 2000)
	produce(messages, idempotentSettings())
	for i, message := range messages {
		check(message.Offset == int64(i), "record %d is at offset %d", i, message.Offset)
	}
	checkSame(readAll(2000), messages)
}

func assignment() {
	check(makeTopic(1) == nil, "the topic was not made")
	produce(plain(0, 300), settings())
	client := must(sarama.NewClient(brokers, settings()))
	defer client.Close()
	check(must(client.GetOffset(topic, 0, sarama.OffsetNewest)) == 300, "the end is not 300")
	check(must(client.GetOffset(topic, 0, sarama.OffsetOldest)) == 0, "the beginning is not 0")
	check(len(readAll(300)) == 300, "not all records came")
	check(readFrom(5, 295)[4].Offset == 299, "seeking near the end")
}

func timestamps() {
	check(makeTopic(1) == nil, "the topic was not made")
	var messages []*sarama.ProducerMessage
	for i := 0; i < 100; i++ {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint(i)),
			Timestamp: base.Add(time.Duration(i) * time.Second)})
	}
	produce(messages, settings())
	client := must(sarama.NewClient(brokers, settings()))
	defer client.Close()
	offset := must(client.GetOffset(topic, 0, base.UnixMilli()+41_500))
	check(offset == 42, "the offset at 41.5 s is %d", offset)
	record := readFrom(1, offset)[0]
	check(string(record.Value) == "42" && record.Timestamp.Equal(base.Add(42*time.Second)), "got %s", record.Value)
}

func headers() {
	check(makeTopic(1) == nil, "the topic was not made")
	sent := []sarama.RecordHeader{{Key: []byte("trace"), Value: []byte("1")}, {Key: []byte("trace"), Value: []byte("2")},
		{Key: []byte("empty"), Value: []byte{}}, {Key: []byte("none"), Value: nil}}
	produce([]*sarama.ProducerMessage{{Topic: topic, Value: sarama.StringEncoder("v"), Headers: sent}}, settings())
	got := readAll(1)[0].Headers
	check(len(got) == 4, "%d headers came", len(got))
	for i := range sent {
		check(bytes.Equal(got[i].Key, sent[i].Key) && bytes.Equal(got[i].Value, sent[i].Value), "header %d came as %v", i, got[i])
	}
	check(got[3].Value == nil, "a header without a value came as %v", got[3].Value)
}

func nulls() {
	check(makeTopic(1) == nil, "the topic was not made")
	produce([]*sarama.ProducerMessage{{Topic: topic, Value: sarama.StringEncoder("only a value")},
		{Topic: topic, Key: sarama.StringEncoder("only a key")}}, settings())
	got := readAll(2)
	check(got[0].Key == nil && string(got[0].Value) == "only a value", "record 0 came as %v", got[0])
	check(string(got[1].Key) == "only a key" && got[1].Value == nil, "record 1 came as %v", got[1])
}

func large() {
	check(makeTopic(1) == nil, "the topic was not made")
	noise := make([]byte, 500_000)
	must(rand.Read(noise))
	big := sarama.StringEncoder(hex.EncodeToString(noise))
	config := settings()
	config.Producer.MaxMessageBytes = 1_048_588
	messages := []*sarama.ProducerMessage{{Topic: topic, Value: big}, {Topic: topic, Value: big}, {Topic: topic, Value: big}}
	produce(messages, config)
	checkSame(readAll(3), messages)
}

func administer() {
	check(makeTopic(1) == nil, "the topic was not made")
	produce(plain(0, 100), settings())
	client := admin()
	day := "86400000"
	change := map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &day}}
	check(client.IncrementalAlterConfig(sarama.TopicResource, topic, change, false) == nil, "the config was not altered")
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}}
	eventually(func() bool { return must(client.DescribeConfig(resource))[0].Value == day }, "retention.ms was not set")
	check(client.CreatePartitions(topic, 4, nil, false) == nil, "no partitions were added")
	eventually(func() bool {
		return len(must(client.DescribeTopics([]string{topic}))[0].Partitions) == 4
	}, "not 4 partitions")
	for _, folders := range must(client.DescribeLogDirs([]int32{1, 2, 3})) {
		for _, folder := range folders {
			for _, sized := range folder.Topics {
				for _, partition := range sized.Partitions {
					check(sized.Topic != topic || partition.PartitionID != 0 || partition.Size > 1000,
						"the log takes %d bytes", partition.Size)
				}
			}
		}
	}
	check(client.DeleteRecords(topic, map[int32]int64{0: 60}) == nil, "records were not deleted")
	check(readAll(40)[0].Offset == 60, "the first record left is not 60")
	check(client.DeleteTopic(topic) == nil, "the topic was not deleted")
	eventually(func() bool {
		_, listed := must(client.ListTopics())[topic]
		return !listed
	}, "the topic is still listed")
}

func failover() {
	check(makeTopic(1) == nil, "the topic was not made")
	producer := must(sarama.NewSyncProducer(brokers, idempotentSettings()))
	all := plain(0, 4000)
	for i := 0; i < len(all); i += 50 {
		if i == 2000 {
			fmt.Println("@kill-leader")
			bufio.NewScanner(os.Stdin).Scan()
		}
		check(producer.SendMessages(all[i:i+50]) == nil, "records were not taken")
	}
	checkSame(readAll(4000), all)
}

// reader is a member of a group: it prints what it sees, or takes a number of records and leaves.
type reader struct {
	takes int
	taken []*sarama.ConsumerMessage
	done  context.CancelFunc
}

func (one *reader) Setup(session sarama.ConsumerGroupSession) error {
	if one.takes == 0 {
		fmt.Println("assigned", len(session.Claims()[topic]))
	}
	return nil
}

func (one *reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (one *reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case record, more := <-claim.Messages():
			if !more {
				return nil
			}
			session.MarkMessage(record, "")
			if one.takes == 0 {
				fmt.Println("got", string(record.Value))
				continue
			}
			one.taken = append(one.taken, record)
			if len(one.taken) == one.takes {
				session.Commit()
				one.done()
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func inGroup(takes int) []*sarama.ConsumerMessage {
	config := settings()
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	group := must(sarama.NewConsumerGroup(brokers, topic+"-group", config))
	defer group.Close()
	until, done := context.WithCancel(context.Background())
	one := &reader{takes: takes, done: done}
	for until.Err() == nil {
		check(group.Consume(until, []string{topic}, one) == nil, "the group could not be joined")
	}
	return one.taken
}

func commit() {
	check(makeTopic(1) == nil, "the topic was not made")
	produce(plain(0, 100), settings())
	check(inGroup(40)[39].Offset == 39, "the first 40 records")
	check(inGroup(1)[0].Offset == 40, "does not resume at the committed offset")
	committed := must(admin().ListConsumerGroupOffsets(topic+"-group", map[string][]int32{topic: {0}}))
	check(committed.GetBlock(topic, 0).Offset == 41, "the committed offset is %d", committed.GetBlock(topic, 0).Offset)
}

func member() { inGroup(0) }

func main() {
	features := map[string]func(){
		"create": create, "idempotent": idempotent, "assignment": assignment, "timestamps": timestamps,
		"headers": headers, "nulls": nulls, "large": large, "admin": administer, "failover": failover,
		"commit": commit, "member": member,
		"produce-none":   produceWith(sarama.CompressionNone),
		"produce-gzip":   produceWith(sarama.CompressionGZIP),
		"produce-snappy": produceWith(sarama.CompressionSnappy),
		"produce-lz4":    produceWith(sarama.CompressionLZ4),
		"produce-zstd":   produceWith(sarama.CompressionZSTD),
	}
	features[os.Args[1]]()
}
