package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	stepSecondsMax = 20
	batchRecords   = 1000
)

// checker counts checks, and names each that fails.
type checker struct {
	bootstrap      string
	client         *kgo.Client
	admin          *kadm.Client
	passed, failed int
}

func (c *checker) check(good bool, name string, values ...any) {
	if good {
		c.passed++
		fmt.Println("ok  ", name)
		return
	}
	c.failed++
	fmt.Println("FAIL", name+":", fmt.Sprintf("%+v", values))
}

func equal[T comparable](c *checker, name string, expected, actual T) {
	c.check(expected == actual, name, "expected", expected, "got", actual)
}

func (c *checker) fails(name string, expected, actual error) {
	c.check(errors.Is(actual, expected), name, "expected", expected, "got", actual)
}

func timeLimit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), stepSecondsMax*time.Second)
}

func surface(bootstrap string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	c := &checker{bootstrap: bootstrap, client: client, admin: kadm.NewClient(client)}
	c.cluster()
	c.topics()
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		c.codec(codec)
	}
	for number, codec := range []string{"uncompressed", "gzip", "snappy", "lz4", "zstd"} {
		c.storedCodec(codec, uint8(number))
	}
	c.offsets()
	c.configs()
	c.records()
	c.producers()
	c.limits()
	c.deletion()
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 {
		return fmt.Errorf("%d checks", c.failed)
	}
	return nil
}

func (c *checker) create(topic string, partitions int32, configs map[string]string) error {
	ctx, cancel := timeLimit()
	defer cancel()
	values := map[string]*string{}
	for key, value := range configs {
		values[key] = &value
	}
	_, err := c.admin.CreateTopic(ctx, partitions, 1, values, topic)
	return err
}

func (c *checker) cluster() {
	ctx, cancel := timeLimit()
	defer cancel()
	metadata, err := c.admin.BrokerMetadata(ctx)
	c.check(err == nil, "metadata of the cluster", err)
	equal(c, "one broker", 1, len(metadata.Brokers))
	equal(c, "cluster id has 22 characters", 22, len(metadata.Cluster))
	if len(metadata.Brokers) == 1 {
		broker := metadata.Brokers[0]
		equal(c, "the broker's address", c.bootstrap, fmt.Sprintf("%s:%d", broker.Host, broker.Port))
		equal(c, "the broker is the controller", broker.NodeID, metadata.Controller)
	}
	versions, err := c.admin.ApiVersions(ctx)
	c.check(err == nil && len(versions) == 1, "ApiVersions of the broker", err, len(versions))
	for _, version := range versions {
		c.check(version.Err == nil, "ApiVersions answers", version.Err)
		fetch, ok := version.KeyMaxVersion(1)
		c.check(ok && fetch >= 17, "Fetch goes to version 17", fetch, ok)
		_, ok = version.KeyMaxVersion(10)
		c.check(!ok, "FindCoordinator is not advertised")
	}
}

func (c *checker) topics() {
	ctx, cancel := timeLimit()
	defer cancel()
	c.check(c.create("go-topic", 3, nil) == nil, "create a topic with 3 partitions")
	c.fails("create it again", kerr.TopicAlreadyExists, c.create("go-topic", 3, nil))
	c.fails("create with a bad name", kerr.InvalidTopicException, c.create("go/topic", 1, nil))
	c.fails("create without partitions", kerr.InvalidPartitions, c.create("go-zero", 0, nil))
	c.fails("create with an unknown config", kerr.InvalidConfig,
		c.create("go-bad-config", 1, map[string]string{"no.such.key": "1"}))
	c.fails("create with a bad config value", kerr.InvalidConfig,
		c.create("go-bad-value", 1, map[string]string{"retention.ms": "soon"}))
	answers, err := c.admin.CreateTopics(ctx, 1, 3, nil, "go-three-replicas")
	c.check(err == nil, "create with 3 replicas is answered", err)
	c.fails("create with 3 replicas", kerr.InvalidReplicationFactor, answers.Error())
	answers, err = c.admin.ValidateCreateTopics(ctx, 1, 1, nil, "go-only-asked")
	c.check(err == nil && answers.Error() == nil, "validate a creation", err, answers.Error())
	topics, err := c.admin.ListTopics(ctx)
	c.check(err == nil && topics.Has("go-topic"), "list topics", err, topics.Names())
	c.check(!topics.Has("go-only-asked") && !topics.Has("go-bad-value"), "nothing else was created",
		topics.Names())
	topic := topics["go-topic"]
	equal(c, "its partitions", 3, len(topic.Partitions))
	c.check(topic.ID != kadm.TopicID{}, "it has an id")
	for _, partition := range topic.Partitions.Sorted() {
		good := partition.Leader >= 0 && len(partition.Replicas) == 1 && len(partition.ISR) == 1
		c.check(good, fmt.Sprintf("partition %d has a leader and an ISR", partition.Partition), partition)
	}
	grown, err := c.admin.UpdatePartitions(ctx, 5, "go-topic")
	c.check(err == nil && grown.Error() == nil, "grow to 5 partitions", err, grown.Error())
	topics, err = c.admin.ListTopics(ctx, "go-topic")
	c.check(err == nil && len(topics["go-topic"].Partitions) == 5, "5 partitions", err, topics)
	grown, err = c.admin.UpdatePartitions(ctx, 2, "go-topic")
	c.check(err == nil, "shrink is answered", err)
	c.fails("shrink to 2 partitions", kerr.InvalidPartitions, grown.Error())
}

// batch is batchRecords records of partition 0, a millisecond apart.
func batch(topic string) []*kgo.Record {
	records := make([]*kgo.Record, batchRecords)
	for i := range records {
		records[i] = &kgo.Record{
			Topic: topic, Key: fmt.Appendf(nil, "key %d", i),
			Value:     bytes.Repeat(fmt.Appendf(nil, "value %d ", i), 1+i%7),
			Timestamp: time.UnixMilli(firstTimestamp + int64(i)),
		}
	}
	return records
}

// read takes count records of partition 0.
func (c *checker) read(topic string, from kgo.Offset, count int) ([]*kgo.Record, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: from}}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := timeLimit()
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return records, err
		}
		records = append(records, fetches.Records()...)
	}
	return records, nil
}

// difference tells the first record that is not as it was sent.
func difference(sent, got []*kgo.Record) string {
	if len(sent) != len(got) {
		return fmt.Sprintf("%d records, expected %d", len(got), len(sent))
	}
	for i, record := range got {
		due := sent[i]
		switch {
		case !bytes.Equal(record.Key, due.Key), !bytes.Equal(record.Value, due.Value):
			return fmt.Sprintf("record %d: %q %q, expected %q %q", i, record.Key, record.Value, due.Key,
				due.Value)
		case record.Offset != due.Offset:
			return fmt.Sprintf("record %d: offset %d, expected %d", i, record.Offset, due.Offset)
		case !record.Timestamp.Equal(due.Timestamp):
			return fmt.Sprintf("record %d: time %v, expected %v", i, record.Timestamp, due.Timestamp)
		}
	}
	return ""
}

func (c *checker) codec(codec string) {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-" + codec
	c.check(c.create(topic, 1, map[string]string{"retention.ms": "-1"}) == nil, codec+": create")
	client, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap),
		kgo.ProducerBatchCompression(codecOf(codec)))
	c.check(err == nil, codec+": client", err)
	defer client.Close()
	sent := batch(topic)
	results := client.ProduceSync(ctx, sent...)
	c.check(results.FirstErr() == nil, codec+": produce with idempotence", results.FirstErr())
	equal(c, codec+": last acknowledged offset", batchRecords-1, sent[batchRecords-1].Offset)
	got, err := c.read(topic, kgo.NewOffset().At(0), batchRecords)
	c.check(err == nil, codec+": consume", err)
	equal(c, codec+": each record as it was sent", "", difference(sent, got))
	got, err = c.read(topic, kgo.NewOffset().At(990), 10)
	c.check(err == nil, codec+": consume from offset 990", err)
	equal(c, codec+": the records from offset 990", "", difference(sent[990:], got))
	got, err = c.read(topic, kgo.NewOffset().AfterMilli(firstTimestamp+700), 300)
	c.check(err == nil, codec+": consume from a time", err)
	equal(c, codec+": the records from that time", "", difference(sent[700:], got))
}

// storedCodec asks a topic for another codec than the producer uses: what the broker packs is read
// here.
func (c *checker) storedCodec(codec string, number uint8) {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-stored-" + codec
	configs := map[string]string{"retention.ms": "-1", "compression.type": codec}
	c.check(c.create(topic, 1, configs) == nil, topic+": create")
	sentCodec := "gzip"
	if codec == "gzip" {
		sentCodec = "snappy"
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap),
		kgo.ProducerBatchCompression(codecOf(sentCodec)))
	c.check(err == nil, topic+": client", err)
	defer client.Close()
	sent := batch(topic)
	err = client.ProduceSync(ctx, sent...).FirstErr()
	c.check(err == nil, topic+": produce with "+sentCodec, err)
	got, err := c.read(topic, kgo.NewOffset().At(0), batchRecords)
	c.check(err == nil, topic+": consume", err)
	equal(c, topic+": each record as it was sent", "", difference(sent, got))
	for _, record := range got {
		if record.Attrs.CompressionType() != number {
			equal(c, topic+": stored with the topic's codec", number, record.Attrs.CompressionType())
			break
		}
	}
}

func (c *checker) offset(name string, expected int64, topic string,
	listed kadm.ListedOffsets, err error) kadm.ListedOffset {
	found, ok := listed.Lookup(topic, 0)
	c.check(err == nil && ok && found.Err == nil && found.Offset == expected, name,
		"expected", expected, "got", found, err)
	return found
}

func (c *checker) offsets() {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-lz4"
	listed, err := c.admin.ListStartOffsets(ctx, topic)
	c.offset("list offsets: earliest", 0, topic, listed, err)
	listed, err = c.admin.ListEndOffsets(ctx, topic)
	c.offset("list offsets: latest", batchRecords, topic, listed, err)
	listed, err = c.admin.ListCommittedOffsets(ctx, topic)
	c.offset("list offsets: latest, committed only", batchRecords, topic, listed, err)
	listed, err = c.admin.ListMaxTimestampOffsets(ctx, topic)
	found := c.offset("list offsets: max timestamp", batchRecords-1, topic, listed, err)
	equal(c, "max timestamp", firstTimestamp+batchRecords-1, found.Timestamp)
	listed, err = c.admin.ListOffsetsAfterMilli(ctx, firstTimestamp+123, topic)
	found = c.offset("list offsets: a timestamp", 123, topic, listed, err)
	equal(c, "the timestamp found", firstTimestamp+123, found.Timestamp)
	listed, err = c.admin.ListOffsetsAfterMilli(ctx, firstTimestamp-1000, topic)
	c.offset("list offsets: before the first", 0, topic, listed, err)
	listed, err = c.admin.ListOffsetsAfterMilli(ctx, firstTimestamp+batchRecords, topic)
	c.offset("list offsets: after the last, which kadm turns into the end", batchRecords, topic,
		listed, err)
	listed, err = c.admin.ListLocalLogStartOffsets(ctx, topic)
	c.offset("list offsets: earliest local", 0, topic, listed, err)
	_, err = c.read(topic, kgo.NewOffset().At(5_000_000), 1)
	c.fails("an offset out of range", kerr.OffsetOutOfRange, err)
	_, err = c.admin.ListEndOffsets(ctx, "go-none", "go-zstd", "go-gzip", "go-snappy")
	c.check(err == nil, "list offsets of several topics", err)
	listed, err = c.admin.ListEndOffsets(ctx, "go-nowhere")
	found, _ = listed.Lookup("go-nowhere", -1)
	c.check(err == nil && errors.Is(listed.Error(), kerr.UnknownTopicOrPartition),
		"list offsets of an unknown topic", listed, err)
	var request kadm.OffsetForLeaderEpochRequest
	request.Add(topic, 0, 0)
	epochs, err := c.admin.OffsetForLeaderEpoch(ctx, request)
	at := epochs[topic][0]
	c.check(err == nil && at.Err == nil && at.EndOffset == batchRecords, "OffsetForLeaderEpoch", at, err)
}

// config is key's value of the topic, and its source.
func (c *checker) config(topic, key string) (string, string) {
	ctx, cancel := timeLimit()
	defer cancel()
	described, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil || len(described) != 1 || described[0].Err != nil {
		return fmt.Sprintf("error %v %+v", err, described), ""
	}
	for _, config := range described[0].Configs {
		if config.Key == key {
			return config.MaybeValue(), config.Source.String()
		}
	}
	return "absent", ""
}

func (c *checker) configs() {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-none"
	value, source := c.config(topic, "retention.ms")
	equal(c, "describe configs: set at creation", "-1 DYNAMIC_TOPIC_CONFIG", value+" "+source)
	value, source = c.config(topic, "segment.bytes")
	equal(c, "describe configs: a default", "1073741824 DEFAULT_CONFIG", value+" "+source)
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "segment.bytes", Value: kadm.StringPtr("2097152")}}
	altered, err := c.admin.AlterTopicConfigs(ctx, set, topic)
	c.check(err == nil && altered[0].Err == nil, "alter configs: set", err, altered)
	value, source = c.config(topic, "segment.bytes")
	equal(c, "the new value", "2097152 DYNAMIC_TOPIC_CONFIG", value+" "+source)
	bad := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("burn")}}
	altered, err = c.admin.AlterTopicConfigs(ctx, bad, topic)
	c.check(err == nil && len(altered) == 1, "a bad value is answered", err)
	c.fails("alter configs: a bad value", kerr.InvalidConfig, altered[0].Err)
	remove := []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: "segment.bytes"}}
	altered, err = c.admin.AlterTopicConfigs(ctx, remove, topic)
	c.check(err == nil && altered[0].Err == nil, "alter configs: delete", err, altered)
	value, source = c.config(topic, "segment.bytes")
	equal(c, "the default again", "1073741824 DEFAULT_CONFIG", value+" "+source)
	metadata, err := c.admin.BrokerMetadata(ctx)
	c.check(err == nil, "metadata", err)
	described, err := c.admin.DescribeBrokerConfigs(ctx, metadata.Controller)
	c.check(err == nil && len(described) == 1 && described[0].Err == nil && len(described[0].Configs) > 50,
		"describe configs of the broker", err, len(described))
	described, err = c.admin.DescribeTopicConfigs(ctx, "go-nowhere")
	c.check(err == nil && len(described) == 1 && errors.Is(described[0].Err, kerr.UnknownTopicOrPartition),
		"describe configs of an unknown topic", err, described)
	dirs, err := c.admin.DescribeBrokerLogDirs(ctx, metadata.Controller, kadm.TopicsSet{topic: {0: {}}})
	c.check(err == nil && len(dirs) == 1, "describe log dirs", err, dirs)
	for _, dir := range dirs {
		partition, ok := dir.Topics.Lookup(topic, 0)
		c.check(ok && partition.Size > 10_000, "the partition's size on disk", dir)
	}
}

func (c *checker) records() {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-records"
	c.check(c.create(topic, 1, nil) == nil, "create")
	sent := []*kgo.Record{
		{Topic: topic, Value: []byte("no key")},
		{Topic: topic, Key: []byte("tombstone")},
		{Topic: topic, Key: []byte{}, Value: []byte{}},
		{Topic: topic, Value: bytes.Repeat([]byte{0, 1, 255}, 250_000)},
		{Topic: topic, Value: []byte("h"), Headers: []kgo.RecordHeader{
			{Key: "one", Value: []byte("1")}, {Key: "", Value: nil}, {Key: "one", Value: []byte{}}}},
	}
	results := c.client.ProduceSync(ctx, sent...)
	c.check(results.FirstErr() == nil, "produce odd records", results.FirstErr())
	got, err := c.read(topic, kgo.NewOffset().At(0), len(sent))
	c.check(err == nil && len(got) == len(sent), "consume odd records", err, len(got))
	for i, record := range got {
		name := fmt.Sprintf("odd record %d", i)
		c.check(bytes.Equal(record.Key, sent[i].Key) && (record.Key == nil) == (sent[i].Key == nil),
			name+": key", record.Key)
		c.check(bytes.Equal(record.Value, sent[i].Value) && (record.Value == nil) == (sent[i].Value == nil),
			name+": value", len(record.Value))
		equal(c, name+": headers", fmt.Sprint(sent[i].Headers), fmt.Sprint(record.Headers))
	}
	c.logAppendTime()
	for _, acks := range []kgo.Acks{kgo.NoAck(), kgo.LeaderAck()} {
		client, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.RequiredAcks(acks),
			kgo.DisableIdempotentWrite())
		c.check(err == nil, "client", err)
		err = client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("acks")}).FirstErr()
		c.check(err == nil, "produce with fewer acks", err)
		client.Close()
	}
	_, err = c.read(topic, kgo.NewOffset().At(int64(len(sent))), 2)
	c.check(err == nil, "the records with acks 0 and 1 are there", err)
}

func (c *checker) logAppendTime() {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-append-time"
	configs := map[string]string{"message.timestamp.type": "LogAppendTime", "compression.type": "zstd"}
	c.check(c.create(topic, 1, configs) == nil, "create with LogAppendTime and zstd")
	before := time.Now().UnixMilli()
	err := c.client.ProduceSync(ctx, batch(topic)...).FirstErr()
	c.check(err == nil, "produce with old times", err)
	got, err := c.read(topic, kgo.NewOffset().At(0), batchRecords)
	c.check(err == nil && len(got) == batchRecords, "consume them", err, len(got))
	if len(got) > 0 {
		c.check(got[0].Timestamp.UnixMilli() >= before, "LogAppendTime is the broker's", got[0].Timestamp)
		equal(c, "the broker compressed with the topic's codec", uint8(4), got[0].Attrs.CompressionType())
		equal(c, "the timestamp type", int8(1), got[0].Attrs.TimestampType())
	}
}

func (c *checker) producers() {
	ctx, cancel := timeLimit()
	defer cancel()
	described, err := c.admin.DescribeProducers(ctx, kadm.TopicsSet{"go-zstd": {0: {}}})
	c.check(err == nil && described["go-zstd"].Partitions[0].Err == nil, "describe producers", err)
	producers := described["go-zstd"].Partitions[0].ActiveProducers
	equal(c, "one producer", 1, len(producers))
	for _, producer := range producers {
		c.check(producer.ProducerID >= 0 && producer.LastSequence == batchRecords-1,
			"its last sequence", producer)
	}
}

func (c *checker) limits() {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-small"
	c.check(c.create(topic, 1, map[string]string{"max.message.bytes": "1000"}) == nil, "create")
	large := &kgo.Record{Topic: topic, Value: []byte(strings.Repeat("x", 2000))}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	c.check(err == nil, "client", err)
	defer client.Close()
	c.fails("a record past max.message.bytes", kerr.MessageTooLarge,
		client.ProduceSync(ctx, large).FirstErr())
	listed, err := c.admin.ListEndOffsets(ctx, topic)
	c.offset("it left nothing", 0, topic, listed, err)
	c.check(c.create("go-compacted", 1, map[string]string{"cleanup.policy": "compact"}) == nil, "create")
	err = client.ProduceSync(ctx, &kgo.Record{Topic: "go-compacted", Value: []byte("no key")}).FirstErr()
	c.fails("a record without key on a compacted topic", kerr.InvalidRecord, err)
}

// listTopics asks with a client of its own: a client answers from memory for some seconds.
func (c *checker) listTopics(ctx context.Context, topics ...string) (kadm.TopicDetails, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return kadm.NewClient(client).ListTopics(ctx, topics...)
}

func (c *checker) deletion() {
	ctx, cancel := timeLimit()
	defer cancel()
	topic := "go-gzip"
	topics, err := c.listTopics(ctx, topic)
	c.check(err == nil, "list", err)
	old := topics[topic].ID
	_, err = c.admin.DeleteTopic(ctx, topic)
	c.check(err == nil, "delete a topic", err)
	_, err = c.admin.DeleteTopic(ctx, topic)
	c.fails("delete it again", kerr.UnknownTopicOrPartition, err)
	topics, err = c.listTopics(ctx)
	c.check(err == nil && !topics.Has(topic), "it is not listed", err)
	c.check(c.create(topic, 1, nil) == nil, "create it again")
	topics, err = c.listTopics(ctx, topic)
	c.check(err == nil && topics[topic].ID != old, "it has a new id", err, old)
	listed, err := c.admin.ListEndOffsets(ctx, topic)
	c.offset("it is empty", 0, topic, listed, err)
	record := &kgo.Record{Topic: topic, Value: []byte("first")}
	err = c.client.ProduceSync(ctx, record).FirstErr()
	c.check(err == nil && record.Offset == 0, "it begins with offset 0", err, record.Offset)
}
