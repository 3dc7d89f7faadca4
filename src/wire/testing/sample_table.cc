#include <array>

#include "wire/fields/all.h"
#include "wire/frame.h"
#include "wire/testing/field_filler.h"
#include "wire/testing/field_grower.h"
#include "wire/testing/field_lister.h"
#include "wire/testing/sample.h"

namespace moldau::wire::testing {
namespace {

template <class Message>
std::expected<Sample, WireError> sample_of(Message& message, std::int16_t version) {
  Sample sample;
  FieldLister lister(sample.fields);
  visit_fields(lister, message, version);
  sample.encoded_size = encoded_size(message, version);
  auto chain = encoded(message, version);
  if (!chain) return std::unexpected(chain.error());
  sample.bytes = chain->flatten();
  return sample;
}

template <class Message>
std::expected<Sample, WireError> draw(std::int16_t version, base::Rng& rng, Draw how) {
  Message message;
  if (how != Draw::kDefault) {
    FieldFiller filler(rng, how);
    visit_fields(filler, message, version);
  }
  return sample_of(message, version);
}

template <class Message>
std::expected<Sample, WireError> read(const base::SharedBytes& bytes, std::int16_t version) {
  auto message = decoded<Message>(bytes, version);
  if (!message) return std::unexpected(message.error());
  return sample_of(*message, version);
}

template <class Message>
std::optional<Grown> grow(const base::SharedBytes& bytes, std::int16_t version, std::size_t which) {
  auto message = decoded<Message>(bytes, version);
  if (!message) return std::nullopt;
  FieldGrower grower(which);
  visit_fields(grower, *message, version);
  if (!grower.grown()) return std::nullopt;
  auto chain = encoded(*message, version);
  if (!chain) return Grown{};
  return Grown{.bytes = chain->flatten(), .prefix_bytes = grower.prefix_bytes()};
}

template <class Message>
constexpr SampleCodec codec() {
  return {.name = Message::kName,
          .min_version = Message::kMinVersion,
          .max_version = Message::kMaxVersion,
          .draw = &draw<Message>,
          .read = &read<Message>,
          .grow = &grow<Message>};
}

#define MOLDAU_CODEC(Message) codec<Message>(),
constexpr auto kCodecs = std::to_array<SampleCodec>({MOLDAU_FOR_EACH_MESSAGE(MOLDAU_CODEC)});
#undef MOLDAU_CODEC

}  // namespace

std::span<const SampleCodec> sample_codecs() { return kCodecs; }

}  // namespace moldau::wire::testing
