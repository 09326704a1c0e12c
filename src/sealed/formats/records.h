#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::sealed {

// How records reach a sealed module and how its answer comes back: one layout, described byte for byte in
// docs/sealed-modules.md. Columns at aligned offsets, so that a module reads them where they lie.

inline constexpr std::size_t kFrameTablesMax = 64;
inline constexpr std::size_t kFrameColumnsMax = 1024;  ///< of one table
inline constexpr std::size_t kFrameNameBytesMax = 64;
inline constexpr std::size_t kFrameBytesMax = 1u << 30;

struct ColumnShape {
  std::string name;
  agreement::FieldType type = agreement::FieldType::text;
};
struct TableShape {
  std::string name;
  std::vector<ColumnShape> columns;
};

/// Makes frames out of stored values. One writer makes many frames, one after another, and keeps its memory.
/// Not thread-safe.
class FrameWriter {
 public:
  /// Errors: invalid "sealed.frame.shape" (names, kFrameTablesMax, kFrameColumnsMax, a table or columns missing).
  static Result<FrameWriter> create(std::vector<TableShape> tables);

  /// The rows that follow are the next subject's.
  void begin_subject();
  /// One row of table `table` (its index in the shapes) for the subject begun last. `values` are as they are stored
  /// (disclosure/value.h), one for each column; an empty view says that the record has none.
  /// Errors: corrupt "sealed.frame.stored" (not of the column's type), exhausted "sealed.frame.large"; the writer must
  /// then not be used again.
  Result<void> add(std::size_t table, std::span<const ByteView> values);
  /// How long the frame will be at most, so that the caller can stop before it is too long.
  std::size_t size_bytes() const;
  /// Replaces `out` by the frame, and begins the next one, empty.
  /// Errors: exhausted "sealed.frame.large" (kFrameBytesMax).
  Result<void> finish(Bytes& out);

 private:
  struct Column {
    ColumnShape shape;
    std::vector<std::uint64_t> present;  ///< bits
    bool gaps = false;
    Bytes values, items, data;
    std::uint32_t item_count = 0;
  };
  struct Table {
    std::string name;
    std::uint32_t rows = 0;
    std::vector<std::uint32_t> starts;  ///< first row of each subject
    std::vector<Column> columns;
  };
  static bool put(Column& column, ByteView stored);
  static void put_absent(Column& column);
  std::vector<Table> tables_;
  std::uint32_t subjects_ = 0;
};

/// One column of a frame that was read; views into the frame.
class ColumnView {
 public:
  std::string_view name() const { return name_; }
  agreement::FieldType type() const { return type_; }
  bool present(std::size_t row) const;
  /// integer, time and duration (ms), date (days since 1970), boolean (0, 1), decimal (its mantissa).
  std::int64_t number(std::size_t row) const;
  int scale(std::size_t row) const;               ///< decimal
  std::string_view bytes(std::size_t row) const;  ///< text, bytes
  std::size_t list_size(std::size_t row) const;   ///< list of text
  std::string_view list_item(std::size_t row, std::size_t index) const;

 private:
  friend class FrameReader;
  std::string_view name_;
  agreement::FieldType type_ = agreement::FieldType::text;
  const char* present_ = nullptr;  ///< null: every row has a value
  const char* values_ = nullptr;
  const char* items_ = nullptr;
  const char* data_ = nullptr;
};

struct TableView {
  std::string_view name;
  std::size_t rows = 0;
  std::vector<ColumnView> columns;
  const char* starts = nullptr;                      ///< u32 for each subject, and one more
  std::size_t first_row(std::size_t subject) const;  ///< of `subject`; first_row(subject + 1) is behind its last
};

struct FrameView {
  std::size_t subjects = 0;
  std::vector<TableView> tables;
};

/// Reads a frame that may be hostile: whatever a module, or a worker that was taken over, put out. There is exactly
/// one spelling of each content: arrays follow one another in the order of the page, gaps and padding are zero; so
/// nothing can hide between the values, and reading costs no more than the frame is long.
/// The views live as long as `frame` does.
/// Errors: invalid "sealed.frame.malformed"; `where` is the table and column, where that much is known.
Result<FrameView> read_frame(ByteView frame);

/// Appends {"table":[{"column":value,…},…],…}, values as docs/agreement.md's types are spelt in JSON.
void append_json(std::string& out, const FrameView& frame);

}  // namespace holdfast::sealed
