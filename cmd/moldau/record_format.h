// The format string of `moldau consume`, kcat's letters: %t topic, %p partition, %o offset,
// %T timestamp in ms, %k key, %K its size (-1 for null), %s value, %S its size, %h headers, %% a
// percent sign; \n, \t, \r, \0 and \\ as in C.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "record/reader.h"

namespace moldau::cmd {

class RecordFormat {
 public:
  [[nodiscard]] static std::expected<RecordFormat, std::string> parse(std::string_view text);

  void append(const base::TopicPartition& partition, const record::RecordView& record,
              std::string& out) const;

 private:
  struct Piece {
    char letter = 0;  // 0: literal text
    std::string text;
  };
  std::vector<Piece> pieces_;
};

// One line of JSON.
[[nodiscard]] std::string record_as_json(const base::TopicPartition& partition,
                                         const record::RecordView& record);

}  // namespace moldau::cmd
