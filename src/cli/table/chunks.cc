#include "cli/table/chunks.h"

#include <csv.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>

namespace holdfast::cli {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// No row of a table begins like this, since a quote stands only around a whole cell.
bool is_json(std::string_view text) {
  const std::size_t member = text.find_first_not_of(" {");
  return text.starts_with('{') && member != std::string_view::npos && text[member] == '"';
}

tl::unexpected<Error> not_readable(const std::string& path) {
  return fail(Code::not_found, "file.missing", path, "cannot open the file");
}

Error read_failed(const std::string& path, std::uint64_t row) {
  return {Code::unavailable, "file.unreadable", fmt::format("{}:row {}", path, row),
          "the file cannot be read any further, since the disk failed or it is none; only the rows before were sent"};
}

/// Collects rows into chunks.
class Chunker {
 public:
  Chunker(Chunk::Format format, const std::function<bool(Chunk&&)>& take) : take_(take) { chunk_.format = format; }
  Chunk& chunk() { return chunk_; }
  void end_row(std::uint64_t row) { chunk_.rows.push_back(row); }
  /// False when the receiver wants no more.
  bool flush_if_full() {
    const bool full =
        chunk_.rows.size() >= rows_ || chunk_.body.size() >= kChunkBytes || chunk_.problems.size() >= kChunkRows;
    return !full || flush();
  }
  bool flush() {
    if (chunk_.rows.empty() && chunk_.problems.empty()) return true;
    Chunk next;
    next.format = chunk_.format;
    next.number = chunk_.number + 1;
    next.file_bytes = chunk_.file_bytes;
    std::swap(next, chunk_);
    rows_ = std::min(4 * rows_, kChunkRows);
    return take_(std::move(next));
  }

 private:
  const std::function<bool(Chunk&&)>& take_;
  Chunk chunk_;
  std::size_t rows_ = kFirstChunkRows;
};

/// libcsv's parser with rows as its only event.
class CsvParser {
 public:
  explicit CsvParser(std::function<void(std::vector<std::string>&)> on_row) : on_row_(std::move(on_row)) {
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
    // Spaces around a cell belong to it: what they mean is not ours to decide.
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });
  }
  ~CsvParser() { csv_free(&parser_); }
  CsvParser(const CsvParser&) = delete;
  CsvParser& operator=(const CsvParser&) = delete;

  bool feed(std::string_view bytes) {
    return csv_parse(&parser_, bytes.data(), bytes.size(), &on_cell, &on_end, this) == bytes.size();
  }
  bool finish() { return csv_fini(&parser_, &on_cell, &on_end, this) == 0; }
  std::string problem() { return csv_strerror(csv_error(&parser_)); }

 private:
  static void on_cell(void* data, std::size_t size, void* self) {
    static_cast<CsvParser*>(self)->cells_.emplace_back(static_cast<const char*>(data), size);
  }
  static void on_end(int, void* self) {
    auto& parser = *static_cast<CsvParser*>(self);
    parser.on_row_(parser.cells_);
    parser.cells_.clear();
  }
  csv_parser parser_{};
  std::function<void(std::vector<std::string>&)> on_row_;
  std::vector<std::string> cells_;
};

/// The first row makes the mapper, all others go through it.
class CsvReading {
 public:
  CsvReading(const agreement::Collection& collection, const MappingOptions& options, Chunker& chunker)
      : collection_(collection), options_(options), chunker_(chunker) {}

  void take_row(std::vector<std::string>& cells) {
    if (failed_ || stopped_) return;
    ++row_;
    if (!mapper_) {
      auto made = RowMapper::create(collection_, cells, options_);
      if (made) {
        mapper_ = std::move(*made);
      } else {
        failed_ = std::move(made).error();
      }
      return;
    }
    Chunk& chunk = chunker_.chunk();
    if (chunk.body.empty()) chunk.body = mapper_->header();
    if (const auto mapped = mapper_->append(cells, chunk.body)) {
      chunker_.end_row(row_);
    } else {
      const Error& error = mapped.error();
      chunk.problems.push_back({row_, error.where, std::string(error.slug), error.what});
    }
    stopped_ = !chunker_.flush_if_full();
  }

  std::uint64_t row() const { return row_; }
  bool over() const { return failed_ || stopped_; }
  const std::optional<Error>& failed() const { return failed_; }
  const std::optional<RowMapper>& mapper() const { return mapper_; }

 private:
  const agreement::Collection& collection_;
  const MappingOptions& options_;
  Chunker& chunker_;
  std::optional<RowMapper> mapper_;
  std::optional<Error> failed_;
  std::uint64_t row_ = 0;
  bool stopped_ = false;
};

}  // namespace

std::uint64_t Chunk::row_of(std::uint64_t line) const {
  const std::uint64_t first = format == Format::csv ? 2 : 1;
  return line >= first && line - first < rows.size() ? rows[line - first] : 0;
}

Result<ReadSummary> read_csv_chunks(const std::string& path, const agreement::Collection& collection,
                                    const MappingOptions& options, const std::function<bool(Chunk&&)>& take) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_readable(path);
  Chunker chunker(Chunk::Format::csv, take);
  CsvReading reading(collection, options, chunker);
  CsvParser parser([&reading](std::vector<std::string>& cells) { reading.take_row(cells); });
  const auto malformed = [&] {
    return Error{
        Code::invalid, "cli.import.csv", fmt::format("{}:row {}", path, reading.row() + 1),
        fmt::format("this is not CSV as RFC 4180 has it ({}); only the rows before it were sent", parser.problem())};
  };
  std::optional<Error> broken;
  std::string buffer(kReadBytes, '\0');
  bool first = true;
  while (file && !reading.over() && !broken) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    std::string_view piece(buffer.data(), static_cast<std::size_t>(file.gcount()));
    chunker.chunk().file_bytes += piece.size();
    if (first && piece.starts_with(kByteOrderMark)) piece.remove_prefix(kByteOrderMark.size());
    if (first && piece.starts_with("PK\x03\x04")) {
      return fail(Code::invalid, "cli.import.zipped", path, "this is a zip archive; unpack it first");
    }
    if (first && is_json(piece)) {
      return fail(
          Code::invalid, "cli.import.csv", path,
          "this begins with a JSON object, and no table does; rows of NDJSON are imported with --format ndjson");
    }
    first = false;
    if (!parser.feed(piece)) broken = malformed();
  }
  if (file.bad()) broken = read_failed(path, reading.row() + 1);
  if (!reading.over() && !broken && !parser.finish()) broken = malformed();
  if (reading.failed()) return tl::unexpected(*reading.failed());
  if (!reading.mapper()) {
    if (broken) return tl::unexpected(*std::move(broken));
    return fail(Code::invalid, "cli.import.header", path, "the file is empty; its first row names the columns");
  }
  chunker.flush();
  return ReadSummary{reading.row() - 1, reading.mapper()->left_out(), reading.mapper()->damaged(), std::move(broken)};
}

Result<ReadSummary> read_ndjson_chunks(const std::string& path, const std::function<bool(Chunk&&)>& take) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_readable(path);
  Chunker chunker(Chunk::Format::ndjson, take);
  ReadSummary summary;
  std::string line;
  std::uint64_t number = 0;
  while (std::getline(file, line)) {
    chunker.chunk().file_bytes += line.size() + 1;
    if (number++ == 0 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    chunker.chunk().body += line;
    chunker.chunk().body += '\n';
    chunker.end_row(number);
    ++summary.rows;
    if (!chunker.flush_if_full()) return summary;
  }
  if (file.bad()) summary.broken = read_failed(path, number + 1);
  chunker.flush();
  return summary;
}

}  // namespace holdfast::cli
