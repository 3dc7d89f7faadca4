#include "storage/log_options.h"

namespace moldau::storage {

LogOptions log_options(const config::TopicConfig& topic, LogSync sync,
                       base::Milliseconds64 producer_id_expiration) {
  return {.segment_bytes = topic.segment_bytes,
          .segment_time = topic.segment_time_max(),
          .segment_jitter = topic.segment_jitter,
          .index_interval_bytes = topic.index_interval_bytes,
          .segment_index_bytes = topic.segment_index_bytes,
          .cleanup_delete = topic.cleanup_delete,
          .retention_bytes = topic.retention_bytes,
          .retention_time = topic.retention_time,
          .file_delete_delay = topic.file_delete_delay,
          .producer_id_expiration = producer_id_expiration,
          .sync = sync};
}

}  // namespace moldau::storage
