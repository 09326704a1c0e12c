#include "trustee/rows.h"

#include <csv.h>

#include <array>
#include <boost/json.hpp>
#include <deque>
#include <unordered_map>

#include "base/json.h"
#include "base/near.h"
#include "disclosure/value.h"
#include "vault/names.h"

namespace holdfast::trustee {
namespace {

namespace json = boost::json;

const agreement::Field* find_field(const agreement::Collection& collection, std::string_view name) {
  for (const agreement::Field& field : collection.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

/// `aside`: what a row names beside its fields. A single record has that in its path.
tl::unexpected<Error> unknown_field(const agreement::Collection& collection, std::string_view name, bool aside) {
  if (!aside && (name == "subject" || name == collection.key)) {
    return fail(Code::invalid, "record.field.unknown", std::string(name),
                "this stands in the request's path, and a record holds its fields alone");
  }
  std::vector<std::string_view> known;
  if (aside) known.emplace_back("subject");
  if (aside && collection.key) known.push_back(*collection.key);
  for (const agreement::Field& field : collection.fields) known.push_back(field.name);
  // The name is the sender's own spelling and may be anything, so only a short one is repeated.
  return fail(Code::invalid, "record.field.unknown", std::string(name.substr(0, 64)),
              "collection '" + collection.name + "' has no such field" + did_you_mean(name, known));
}

Result<void> set_field(const agreement::Field& field, Result<Bytes> value, vault::Record& record) {
  if (!value) {
    Error error = std::move(value).error();
    error.where = field.name;
    return tl::unexpected<Error>(std::move(error));
  }
  record.set(field.tag, std::move(*value));
  return {};
}

constexpr std::string_view kOneObject = "a record is one JSON object, {\"field\": value, …}";

/// Says where and why; read once more, so that what is well-formed does not pay for it.
tl::unexpected<Error> not_json(std::string_view text, const json::parse_options& options) {
  json::parser parser({}, options);
  boost::system::error_code error;
  const std::size_t good = parser.write_some(text.data(), text.size(), error);
  if (!error && good < text.size()) error = json::error::extra_data;
  if (!error) error = json::error::incomplete;
  return fail(Code::invalid, "record.json", "byte " + std::to_string(good + 1),
              std::string(kOneObject) + "; here: " + error.message());
}

/// In `memory`, which must outlive the object.
Result<json::object> parse_object(std::string_view text, json::storage_ptr memory) {
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code error;
  json::value value = json::parse(text, error, std::move(memory), options);
  if (error) return not_json(text, options);
  if (!value.is_object()) return fail(Code::invalid, "record.json", "", std::string(kOneObject));
  return std::move(value.as_object());
}

/// Members named in `aside` (subject, key) go to their string; all others are fields.
using Aside = std::vector<std::pair<std::string_view, std::string*>>;
/// Fields go into `out`, whose memory is used again.
Result<void> read_object(const agreement::Collection& collection, const json::object& object, const Aside& aside,
                         vault::Record& out) {
  out.values.clear();
  out.values.reserve(object.size());
  for (const auto& [name, value] : object) {
    const std::string_view member(name.data(), name.size());
    bool taken = false;
    for (const auto& [wanted, into] : aside) {
      if (member != wanted) continue;
      if (value.is_string()) {
        into->assign(value.get_string().data(), value.get_string().size());
      } else if (value.is_int64()) {
        *into = std::to_string(value.get_int64());
      } else {
        return fail(Code::invalid, "record.name", std::string(wanted), "expected a string");
      }
      taken = true;
    }
    if (taken || value.is_null()) continue;
    const agreement::Field* field = find_field(collection, member);
    if (field == nullptr) return unknown_field(collection, member, !aside.empty());
    HF_CHECK(set_field(*field, disclosure::value_from_json(field->type, value), out));
  }
  return {};
}

/// For an object that was read: no field takes an object, so all members in `text` are its own.
Result<void> check_each_once(std::string_view text, const json::object& object) {
  if (json_members(text) == object.size()) return {};
  return fail(Code::invalid, "record.json", std::string(json_repeated_member(text).substr(0, 64)),
              "a record names each field once");
}

Result<void> check_names(const agreement::Collection& collection, const IncomingRow& row) {
  if (row.subject.empty()) return fail(Code::invalid, "record.subject", "subject", "a row names its subject");
  HF_CHECK(vault::check_subject_id(row.subject));
  if (!collection.key) return {};
  if (row.key.empty()) {
    return fail(Code::invalid, "record.key", *collection.key, "a row of this collection has a key of this name");
  }
  return check_key(collection, row.key);
}

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

tl::unexpected<Error> too_long() { return fail(Code::invalid, "record.large", "", "one row is at most 1 MiB"); }

class NdjsonReader final : public RowReader {
 public:
  NdjsonReader(const agreement::Collection& collection, OnRow row, OnProblem problem)
      : collection_(collection), row_(std::move(row)), problem_(std::move(problem)) {
    aside_.emplace_back("subject", &incoming_.subject);
    if (collection_.key) aside_.emplace_back(*collection_.key, &incoming_.key);
  }

  Result<void> feed(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view piece = bytes.substr(0, end);
      if (!too_long_ && held_.size() + piece.size() > kRowBytesMax) {
        too_long_ = true;
        problem_(line_ + 1, too_long().value());
      }
      if (end == std::string_view::npos) {
        if (!too_long_) held_ += piece;
        return {};
      }
      if (too_long_) {
        ++line_;
        too_long_ = false;
        held_.clear();
      } else if (held_.empty()) {
        line(piece);
      } else {
        held_ += piece;
        line(held_);
        held_.clear();
      }
      bytes.remove_prefix(end + 1);
    }
    return {};
  }

  Result<void> finish() override {
    if (!held_.empty() && !too_long_) line(held_);
    held_.clear();
    return {};
  }

 private:
  void line(std::string_view text) {
    if (line_++ == 0 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (text.empty()) return;
    incoming_.subject.clear();
    incoming_.key.clear();
    const auto read = [&]() -> Result<void> {
      // A line's values are gone once its fields are made of them, so they need no allocation each.
      json::monotonic_resource memory(scratch_.data(), scratch_.size());
      HF_TRY(const json::object object, parse_object(text, &memory));
      HF_CHECK(read_object(collection_, object, aside_, incoming_.record));
      HF_CHECK(check_each_once(text, object));
      return check_names(collection_, incoming_);
    }();
    incoming_.line = line_;
    if (read) {
      row_(std::move(incoming_));
    } else {
      problem_(line_, read.error());
    }
  }

  const agreement::Collection& collection_;
  OnRow row_;
  OnProblem problem_;
  Aside aside_;
  IncomingRow incoming_;
  std::string held_;
  bool too_long_ = false;  ///< the line that is being passed over
  std::array<unsigned char, 4096> scratch_;
  std::uint64_t line_ = 0;
};

class CsvReader final : public RowReader {
 public:
  CsvReader(const agreement::Collection& collection, OnRow row, OnProblem problem)
      : collection_(collection), row_(std::move(row)), problem_(std::move(problem)) {
    HF_ASSERT(csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) == 0);
    // RFC 4180 §2: spaces are part of a cell. The library would cut them off.
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });
  }
  ~CsvReader() override { csv_free(&parser_); }
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  Result<void> feed(std::string_view bytes) override {
    if (at_start_) {
      held_ += bytes;
      if (held_.size() < kByteOrderMark.size()) return {};
      at_start_ = false;
      if (held_.starts_with(kByteOrderMark)) held_.erase(0, kByteOrderMark.size());
      const std::string first = std::exchange(held_, {});
      return parse(first);
    }
    return parse(bytes);
  }

  Result<void> finish() override {
    if (at_start_) HF_CHECK(parse(std::exchange(held_, {})));
    if (csv_fini(&parser_, &CsvReader::cell, &CsvReader::row_end, this) != 0) return malformed();
    if (failed_ && line_ == 0) failed_ = no_column("subject");
    return std::move(failed_);
  }

 private:
  static constexpr std::size_t kSubject = ~std::size_t{0}, kKey = kSubject - 1;

  static void cell(void* text, std::size_t size, void* self) {
    static_cast<CsvReader*>(self)->take_cell({static_cast<const char*>(text), size});
  }
  static void row_end(int, void* self) { static_cast<CsvReader*>(self)->take_row(); }

  Result<void> parse(std::string_view bytes) {
    if (!failed_) return failed_;
    // Piece by piece, so that an endless cell is noticed before it fills the memory.
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, 65536);
      row_bytes_ += piece.size();
      if (csv_parse(&parser_, piece.data(), piece.size(), &CsvReader::cell, &CsvReader::row_end, this) !=
          piece.size()) {
        return malformed();
      }
      if (!failed_) return failed_;
      if (row_bytes_ > kRowBytesMax + piece.size()) {
        auto error = too_long();
        error.value().where = std::to_string(line_ + 1);
        return error;
      }
      bytes.remove_prefix(piece.size());
    }
    return {};
  }

  static tl::unexpected<Error> no_column(const std::string& name) {
    return fail(Code::invalid, "record.header", name, "the first line names the columns; one is '" + name + "'");
  }

  tl::unexpected<Error> malformed() const {
    return fail(Code::invalid, "record.csv", std::to_string(line_ + 1),
                "not CSV as RFC 4180 has it: a quote stands where none may, or one is not closed");
  }

  void take_cell(std::string_view text) {
    if (line_ == 0) {
      header_cell(text);
      return;
    }
    const std::size_t at = cells_++;
    if (at >= columns_.size() || !row_error_ || text.empty()) return;
    const std::size_t column = columns_[at];
    if (column == kSubject) {
      incoming_.subject = text;
    } else if (column == kKey) {
      incoming_.key = text;
    } else {
      const agreement::Field& field = collection_.fields[column];
      row_error_ = set_field(field, disclosure::value_from_text(field.type, text), incoming_.record);
    }
  }

  void header_cell(std::string_view name) {
    if (!failed_) return;
    if (name == "subject") {
      columns_.push_back(kSubject);
    } else if (collection_.key && name == *collection_.key) {
      columns_.push_back(kKey);
    } else if (const agreement::Field* field = find_field(collection_, name)) {
      columns_.push_back(static_cast<std::size_t>(field - collection_.fields.data()));
    } else {
      failed_ = unknown_field(collection_, name, true);
    }
    for (std::size_t i = 0; failed_ && i + 1 < columns_.size(); ++i) {
      if (columns_[i] == columns_.back()) {
        failed_ = fail(Code::invalid, "record.header", std::string(name), "this column stands twice in the header");
      }
    }
  }

  void take_row() {
    row_bytes_ = 0;
    if (line_++ == 0) {
      const auto there = [this](std::size_t column) { return std::ranges::find(columns_, column) != columns_.end(); };
      if (failed_ && !there(kSubject)) failed_ = no_column("subject");
      if (failed_ && collection_.key && !there(kKey)) failed_ = no_column(*collection_.key);
      return;
    }
    if (row_error_ && cells_ != columns_.size()) {
      row_error_ =
          fail(Code::invalid, "record.cells", "",
               "has " + std::to_string(cells_) + " cells where the header has " + std::to_string(columns_.size()));
    }
    if (row_error_) row_error_ = check_names(collection_, incoming_);
    if (row_error_) {
      incoming_.line = line_;
      row_(std::move(incoming_));
    } else {
      problem_(line_, row_error_.error());
    }
    incoming_.subject.clear();  // what they hold of memory is used again
    incoming_.key.clear();
    incoming_.record.values.clear();
    row_error_ = {};
    cells_ = 0;
  }

  const agreement::Collection& collection_;
  OnRow row_;
  OnProblem problem_;
  csv_parser parser_{};
  bool at_start_ = true;
  std::string held_;
  std::vector<std::size_t> columns_;  ///< by cell: index of the field, kSubject or kKey
  IncomingRow incoming_;
  Result<void> row_error_, failed_;
  std::size_t cells_ = 0, row_bytes_ = 0;
  std::uint64_t line_ = 0;  ///< rows seen, the header too
};

}  // namespace

Result<void> check_key(const agreement::Collection& collection, std::string_view key) {
  auto fine = vault::check_row_key(key);
  if (!fine) fine.error().where = *collection.key;
  return fine;
}

Result<vault::Record> record_from_json(const agreement::Collection& collection, std::string_view text) {
  HF_TRY(const json::object object, parse_object(text, {}));
  vault::Record out;
  HF_CHECK(read_object(collection, object, {}, out));
  HF_CHECK(check_each_once(text, object));
  HF_CHECK(vault::check_record(out));
  return out;
}

std::unique_ptr<RowReader> RowReader::ndjson(const agreement::Collection& collection, OnRow row, OnProblem problem) {
  return std::make_unique<NdjsonReader>(collection, std::move(row), std::move(problem));
}

std::unique_ptr<RowReader> RowReader::csv(const agreement::Collection& collection, OnRow row, OnProblem problem) {
  return std::make_unique<CsvReader>(collection, std::move(row), std::move(problem));
}

}  // namespace holdfast::trustee
