// The records of a snapshot: an image written as records in Kafka's order (features with
// metadata.version first, brokers, controllers, topics with their partitions, configs, quotas,
// producer ids, ACLs, SCRAM, delegation tokens), so that applying them to an empty image gives the
// image again. The writer yields records one at a time; a snapshot of any size needs no second copy
// of the state. Header, footer and batches are raft's. Pure; one owner. Source: MetadataImage.write
// (4.4).
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "metadata/image.h"
#include "metadata/record.h"

namespace moldau::metadata {

// A partition as the record that creates it.
[[nodiscard]] wire::PartitionRecord to_record(const Partition& partition,
                                              const base::TopicId& topic,
                                              base::PartitionIndex index, MetadataVersion version);

// Calls `sink` for each record, in order. The image must have a metadata.version.
void write_snapshot(const Image& image, const std::function<void(Record)>& sink);

// The same as one list, for small images and tests.
[[nodiscard]] std::vector<Record> snapshot_records(const Image& image);

// Gives a snapshot's records a batch at a time, so that a driver can pause between them.
class SnapshotWriter {
 public:
  // The image is copied (O(1)), so the node may go on meanwhile.
  explicit SnapshotWriter(Image image);

  // The next records: about `count`, a topic's partitions may be split. Empty at the end.
  [[nodiscard]] std::vector<Record> next(std::size_t count);

 private:
  enum class Part : std::uint8_t { kHead, kTopics, kDone };
  bool add_topic(const Topic& topic, std::size_t count, std::vector<Record>& out);
  bool add_next_topic(std::size_t count, std::vector<Record>& out);

  Image image_;
  Part part_ = Part::kHead;
  base::TopicId topic_;                // the topic to go on with, or
  bool topic_done_ = false;            // the last one that is out
  bool topic_begun_ = false;           // its TopicRecord is out
  base::PartitionIndex partition_{0};  // the partition to go on with
  std::vector<Record> rest_;           // of the part before or after the topics
  std::size_t rest_at_ = 0;
};

}  // namespace moldau::metadata
