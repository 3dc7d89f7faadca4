package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Record seq of a topic: key = seq in decimal, value = line seq % lines, partition = seq %
// partitions, timestamp = firstTimestamp + seq. So each side knows every record beforehand.
const (
	firstTimestamp  = int64(1_700_000_000_000)
	quietSecondsMax = 60
	mismatchesMax   = 10
	produceMinutes  = 10
	progressEvery   = 100 * time.Millisecond
)

type stream struct {
	bootstrap  string
	topics     []string
	partitions int64
	count      int64 // of each topic
	lines      [][]byte
	anyTime    bool
	acked      atomic.Int64 // records, of all topics
	started    time.Time
}

// newStream takes BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES_FILE [any-time].
func newStream(args []string) (*stream, error) {
	if len(args) != 5 && len(args) != 6 {
		return nil, errors.New("wants BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES_FILE")
	}
	partitions, err := strconv.ParseInt(args[2], 10, 32)
	if err != nil {
		return nil, err
	}
	count, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(args[4])
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	return &stream{
		bootstrap: args[0], topics: strings.Split(args[1], ","), partitions: partitions, count: count,
		lines: lines, anyTime: len(args) == 6, started: time.Now(),
	}, nil
}

func codecOf(name string) kgo.CompressionCodec {
	return map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[name]
}

// create makes the topics; records with old timestamps must not fall to retention.
func (s *stream) create() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	forever := "-1"
	configs := map[string]*string{"retention.ms": &forever}
	started := time.Now()
	admin := kadm.NewClient(client)
	made, err := admin.CreateTopics(ctx, int32(s.partitions), 1, configs, s.topics...)
	if err != nil {
		return err
	}
	if err := made.Error(); err != nil {
		return err
	}
	fmt.Printf("created %d topics in %.3f s\n", len(s.topics), time.Since(started).Seconds())
	return nil
}

// produce sends all records, each topic with its codec in turn.
func (s *stream) produce(codecs []string) error {
	for i, topic := range s.topics {
		if err := s.produceTopic(topic, codecs[i%len(codecs)]); err != nil {
			return fmt.Errorf("produce to %s: %w", topic, err)
		}
	}
	return nil
}

// onAcked says at once when the last record is acknowledged: whoever listens then kills the broker.
func (s *stream) onAcked() {
	if total := s.count * int64(len(s.topics)); s.acked.Add(1) == total {
		fmt.Printf("acked %d in %.3f s\n", total, time.Since(s.started).Seconds())
	}
}

func (s *stream) produceTopic(topic, codec string) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.bootstrap),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecOf(codec)),
		kgo.ProducerLinger(20*time.Millisecond),
		kgo.MaxBufferedRecords(200_000),
		kgo.ProducerBatchMaxBytes(512<<10),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), produceMinutes*time.Minute)
	defer cancel()
	before := s.acked.Load()
	var wrong atomic.Pointer[error]
	for seq := range s.count {
		record := &kgo.Record{
			Topic: topic, Partition: int32(seq % s.partitions),
			Key:       strconv.AppendInt(nil, seq, 10),
			Value:     s.lines[seq%int64(len(s.lines))],
			Timestamp: time.UnixMilli(firstTimestamp + seq),
		}
		client.Produce(ctx, record, func(record *kgo.Record, err error) {
			if err == nil && record.Offset != seq/s.partitions {
				err = fmt.Errorf("record %d was acknowledged at %d-%d, expected offset %d", seq,
					record.Partition, record.Offset, seq/s.partitions)
			}
			if err != nil {
				wrong.CompareAndSwap(nil, &err)
				return
			}
			s.onAcked()
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	if found := wrong.Load(); found != nil {
		return *found
	}
	if acked := s.acked.Load() - before; acked != s.count {
		return fmt.Errorf("%d of %d records were acknowledged", acked, s.count)
	}
	return nil
}

// place of a partition in the comparison.
type place struct {
	topic     string
	partition int32
}

type comparison struct {
	*stream
	next       map[place]int64
	seen       int64
	said       time.Time
	mismatches int
}

// progress says how far it is: whoever kills the broker prints what was read before.
func (c *comparison) progress() {
	if time.Since(c.said) >= progressEvery {
		c.said = time.Now()
		fmt.Printf("seen %d\n", c.seen)
	}
}

func (c *comparison) mismatch(format string, values ...any) {
	c.mismatches++
	if c.mismatches <= mismatchesMax {
		fmt.Printf("MISMATCH "+format+"\n", values...)
	}
}

func (c *comparison) compare(record *kgo.Record) {
	at := place{record.Topic, record.Partition}
	offset := c.next[at]
	seq := int64(record.Partition) + offset*c.partitions
	c.next[at]++
	c.seen++
	switch {
	case record.Offset != offset:
		c.mismatch("%s-%d: offset %d where %d was due", at.topic, at.partition, record.Offset, offset)
		c.next[at] = record.Offset + 1
	case seq >= c.count:
		c.mismatch("%s-%d@%d: a record past the last", at.topic, at.partition, offset)
	case string(record.Key) != strconv.FormatInt(seq, 10):
		c.mismatch("%s: key %q, expected %d", fmt.Sprintf("%s-%d@%d", at.topic, at.partition, offset),
			record.Key, seq)
	case !bytes.Equal(record.Value, c.lines[seq%int64(len(c.lines))]):
		c.mismatch("%s: value %q, expected %q", fmt.Sprintf("%s-%d@%d", at.topic, at.partition, offset),
			record.Value, c.lines[seq%int64(len(c.lines))])
	case !c.anyTime && record.Timestamp.UnixMilli() != firstTimestamp+seq:
		c.mismatch("%s: timestamp %d, expected %d",
			fmt.Sprintf("%s-%d@%d", at.topic, at.partition, offset), record.Timestamp.UnixMilli(),
			firstTimestamp+seq)
	}
}

// verify reads all partitions from the start, also while they are still written and while the
// broker restarts, and compares each record; then the end offsets and some look-ups by time.
func (s *stream) verify() error {
	from := map[string]map[int32]kgo.Offset{}
	for _, topic := range s.topics {
		from[topic] = map[int32]kgo.Offset{}
		for partition := range int32(s.partitions) {
			from[topic][partition] = kgo.NewOffset().At(0)
		}
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.bootstrap), kgo.ConsumePartitions(from),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.FetchMaxBytes(8<<20), kgo.FetchMaxPartitionBytes(1<<20), kgo.MaxConcurrentFetches(2),
		kgo.RetryTimeout(quietSecondsMax*time.Second),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	c := &comparison{stream: s, next: map[place]int64{}}
	started := time.Now()
	total := s.count * int64(len(s.topics))
	for c.seen < total && c.mismatches < mismatchesMax {
		ctx, cancel := context.WithTimeout(context.Background(), quietSecondsMax*time.Second)
		fetches := client.PollFetches(ctx)
		cancel()
		if err := fetches.Err0(); errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no record for %d s, %d of %d seen", quietSecondsMax, c.seen, total)
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			c.mismatch("%s-%d: %v", topic, partition, err)
		})
		fetches.EachRecord(c.compare)
		c.progress()
	}
	if c.mismatches == 0 {
		if err := s.retryOffsets(client, c); err != nil {
			return err
		}
	}
	if c.mismatches > 0 {
		return fmt.Errorf("%d mismatches in %d of %d records", c.mismatches, c.seen, total)
	}
	fmt.Printf("compared %d in %.3f s\n", c.seen, time.Since(started).Seconds())
	return nil
}

// ends compares only the offsets.
func (s *stream) ends() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	c := &comparison{stream: s}
	if err := s.retryOffsets(client, c); err != nil {
		return err
	}
	if c.mismatches > 0 {
		return fmt.Errorf("%d wrong offsets", c.mismatches)
	}
	fmt.Printf("ends of %d topics\n", len(s.topics))
	return nil
}

// retryOffsets also while the broker is about to come back, or opens the logs.
func (s *stream) retryOffsets(client *kgo.Client, c *comparison) error {
	err := s.verifyOffsets(client, c)
	for retry := 0; err != nil && retry < quietSecondsMax; retry++ {
		time.Sleep(time.Second)
		err = s.verifyOffsets(client, c)
	}
	return err
}

// verifyOffsets fails when an offset cannot be had, and notes a mismatch when it is wrong.
func (s *stream) verifyOffsets(client *kgo.Client, c *comparison) error {
	ctx, cancel := context.WithTimeout(context.Background(), quietSecondsMax*time.Second)
	defer cancel()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(ctx, s.topics...)
	if err != nil {
		return fmt.Errorf("list end offsets: %w", err)
	}
	seq := s.count / 3
	times, err := admin.ListOffsetsAfterMilli(ctx, firstTimestamp+seq, s.topics...)
	if err != nil {
		return fmt.Errorf("list offsets by time: %w", err)
	}
	if err := errors.Join(ends.Error(), times.Error()); err != nil {
		return fmt.Errorf("offsets: %w", err)
	}
	for _, topic := range s.topics {
		for partition := range int32(s.partitions) {
			due := (s.count - int64(partition) + s.partitions - 1) / s.partitions
			if end, ok := ends.Lookup(topic, partition); !ok || end.Offset != due {
				c.mismatch("%s-%d: end offset %+v, expected %d", topic, partition, end, due)
			}
			due = (seq - int64(partition) + s.partitions - 1) / s.partitions
			if at, ok := times.Lookup(topic, partition); !ok || at.Offset != due && !s.anyTime {
				c.mismatch("%s-%d: offset of time %d is %+v, expected %d", topic, partition,
					firstTimestamp+seq, at, due)
			}
		}
	}
	return nil
}
