// The handlers, one function an API, each in the file of its subject. They run on the loop of the
// connection; what belongs to another loop is asked with rt::call. Handlers on the broker listener
// that need the controller forward the request as it came (forward.h); handlers on the controller
// listener run on loop 0, in ControllerDriver and RaftDriver.
#pragma once

#include "broker/api.h"
#include "broker/request_context.h"
#include "rt/task.h"
#include "wire/allocate_producer_ids_request.h"
#include "wire/allocate_producer_ids_response.h"
#include "wire/alter_partition_request.h"
#include "wire/alter_partition_response.h"
#include "wire/api_versions_request.h"
#include "wire/api_versions_response.h"
#include "wire/begin_quorum_epoch_request.h"
#include "wire/begin_quorum_epoch_response.h"
#include "wire/broker_heartbeat_request.h"
#include "wire/broker_heartbeat_response.h"
#include "wire/broker_registration_request.h"
#include "wire/broker_registration_response.h"
#include "wire/controller_registration_request.h"
#include "wire/controller_registration_response.h"
#include "wire/create_partitions_request.h"
#include "wire/create_partitions_response.h"
#include "wire/create_topics_request.h"
#include "wire/create_topics_response.h"
#include "wire/delete_topics_request.h"
#include "wire/delete_topics_response.h"
#include "wire/describe_cluster_request.h"
#include "wire/describe_cluster_response.h"
#include "wire/describe_configs_request.h"
#include "wire/describe_configs_response.h"
#include "wire/describe_log_dirs_request.h"
#include "wire/describe_log_dirs_response.h"
#include "wire/describe_producers_request.h"
#include "wire/describe_producers_response.h"
#include "wire/describe_quorum_request.h"
#include "wire/describe_quorum_response.h"
#include "wire/describe_topic_partitions_request.h"
#include "wire/describe_topic_partitions_response.h"
#include "wire/end_quorum_epoch_request.h"
#include "wire/end_quorum_epoch_response.h"
#include "wire/fetch_request.h"
#include "wire/fetch_response.h"
#include "wire/fetch_snapshot_request.h"
#include "wire/fetch_snapshot_response.h"
#include "wire/incremental_alter_configs_request.h"
#include "wire/incremental_alter_configs_response.h"
#include "wire/init_producer_id_request.h"
#include "wire/init_producer_id_response.h"
#include "wire/list_offsets_request.h"
#include "wire/list_offsets_response.h"
#include "wire/metadata_request.h"
#include "wire/metadata_response.h"
#include "wire/offset_for_leader_epoch_request.h"
#include "wire/offset_for_leader_epoch_response.h"
#include "wire/update_features_request.h"
#include "wire/update_features_response.h"
#include "wire/vote_request.h"
#include "wire/vote_response.h"

namespace moldau::broker {

class Shard;

// Both listeners.
rt::Task<Answer> serve_api_versions(Shard& shard, Request request);
rt::Task<wire::DescribeClusterResponse> handle_describe_cluster(
    Shard& shard, RequestContext context, wire::DescribeClusterRequest request);
rt::Task<wire::DescribeConfigsResponse> handle_describe_configs(
    Shard& shard, RequestContext context, wire::DescribeConfigsRequest request);

// Broker listener: data.
rt::Task<Answer> serve_produce(Shard& shard, Request request);
rt::Task<wire::FetchResponse> handle_fetch(Shard& shard, RequestContext context,
                                           wire::FetchRequest request);
rt::Task<wire::ListOffsetsResponse> handle_list_offsets(Shard& shard, RequestContext context,
                                                        wire::ListOffsetsRequest request);
rt::Task<wire::OffsetForLeaderEpochResponse> handle_offset_for_leader_epoch(
    Shard& shard, RequestContext context, wire::OffsetForLeaderEpochRequest request);
rt::Task<wire::InitProducerIdResponse> handle_init_producer_id(Shard& shard, RequestContext context,
                                                               wire::InitProducerIdRequest request);
rt::Task<wire::DescribeProducersResponse> handle_describe_producers(
    Shard& shard, RequestContext context, wire::DescribeProducersRequest request);
rt::Task<wire::DescribeLogDirsResponse> handle_describe_log_dirs(
    Shard& shard, RequestContext context, wire::DescribeLogDirsRequest request);

// Broker listener: metadata.
rt::Task<wire::MetadataResponse> handle_metadata(Shard& shard, RequestContext context,
                                                 wire::MetadataRequest request);
rt::Task<wire::DescribeTopicPartitionsResponse> handle_describe_topic_partitions(
    Shard& shard, RequestContext context, wire::DescribeTopicPartitionsRequest request);

// Controller listener.
rt::Task<Answer> serve_envelope(Shard& shard, Request request);

}  // namespace moldau::broker
