#include "cmd/moldau/record_format.h"

#include "cmd/moldau/output.h"

namespace moldau::cmd {
namespace {

constexpr std::string_view kLetters = "tpoTkKsSh";

char unescaped(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '0':
      return '\0';
    default:
      return letter;
  }
}

void append_headers(const record::RecordView& record, std::string& out) {
  const char* comma = "";
  for (const record::HeaderView& header : record.headers()) {
    out += comma;
    out += header.key;
    out += '=';
    if (header.value) out += base::as_text(*header.value);
    comma = ",";
  }
}

std::string size_of(const std::optional<base::Bytes>& bytes) {
  return bytes ? std::to_string(bytes->size()) : "-1";
}

}  // namespace

std::expected<RecordFormat, std::string> RecordFormat::parse(std::string_view text) {
  RecordFormat format;
  std::string literal;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size();
    if (text[i] == '\\' && !last) {
      literal += unescaped(text[++i]);
    } else if (text[i] == '%' && !last && text[i + 1] == '%') {
      literal += text[++i];
    } else if (text[i] == '%') {
      const char letter = last ? '\0' : text[++i];
      if (last || kLetters.find(letter) == std::string_view::npos) {
        return std::unexpected("--format: %" + std::string(last ? 0 : 1, letter) +
                               " is not known; there are %t %p %o %T %k %K %s %S %h and %%");
      }
      if (!literal.empty()) format.pieces_.push_back({.text = std::exchange(literal, {})});
      format.pieces_.push_back({.letter = letter});
    } else {
      literal += text[i];
    }
  }
  if (!literal.empty()) format.pieces_.push_back({.text = literal});
  return format;
}

void RecordFormat::append(const base::TopicPartition& partition, const record::RecordView& record,
                          std::string& out) const {
  for (const Piece& piece : pieces_) {
    switch (piece.letter) {
      case 't':
        out += partition.topic.view();
        break;
      case 'p':
        out += std::to_string(partition.partition.value());
        break;
      case 'o':
        out += std::to_string(record.offset.value());
        break;
      case 'T':
        out += std::to_string(record.timestamp.value());
        break;
      case 'k':
        if (record.key) out += base::as_text(*record.key);
        break;
      case 'K':
        out += size_of(record.key);
        break;
      case 's':
        if (record.value) out += base::as_text(*record.value);
        break;
      case 'S':
        out += size_of(record.value);
        break;
      case 'h':
        append_headers(record, out);
        break;
      default:
        out += piece.text;
    }
  }
}

std::string record_as_json(const base::TopicPartition& partition,
                           const record::RecordView& record) {
  boost::json::object object{{"topic", partition.topic.view()},
                             {"partition", partition.partition.value()},
                             {"offset", record.offset.value()},
                             {"timestamp", record.timestamp.value()}};
  add_bytes(object, "key", record.key);
  add_bytes(object, "value", record.value);
  boost::json::array headers;
  for (const record::HeaderView& header : record.headers()) {
    boost::json::object entry{{"name", header.key}};
    add_bytes(entry, "value", header.value);
    headers.push_back(std::move(entry));
  }
  object["headers"] = std::move(headers);
  return boost::json::serialize(object);
}

}  // namespace moldau::cmd
