// Reading records, and writing an answer, in a sealed module; C++20, header-only.
// The layout and what a module may do: docs/sealed-modules.md. What the trustee sends is well-formed, so only the
// frame's mark and length are looked at here.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast.h"

namespace holdfast::guest {

inline std::string_view view(hf_string text) { return {text.data, text.size}; }

/// One column of a frame. Copies are cheap; all live as long as the Input's next frame is not asked for.
class Column {
 public:
  Column(const hf_frame* frame, const hf_column* column) : frame_(frame), column_(column) {}
  explicit operator bool() const { return column_ != nullptr; }
  char type() const { return static_cast<char>(column_->type); }
  bool present(std::uint32_t row) const { return hf_present(frame_, column_, row); }
  /// integer; time and duration in ms; date in days since 1970; boolean; a decimal's digits
  std::int64_t number(std::uint32_t row) const { return hf_number(frame_, column_, row); }
  int scale(std::uint32_t row) const { return hf_scale(frame_, column_, row); }
  std::string_view text(std::uint32_t row) const { return view(hf_text(frame_, column_, row)); }
  std::uint32_t items(std::uint32_t row) const { return hf_items(frame_, column_, row); }
  std::string_view item(std::uint32_t row, std::uint32_t i) const { return view(hf_item(frame_, column_, row, i)); }
  /// integer, time, duration, decimal: the values where they lie.
  std::span<const std::int64_t> numbers(std::uint32_t rows) const {
    return {static_cast<const std::int64_t*>(hf_at(frame_, column_->values_offset)), rows};
  }

 private:
  const hf_frame* frame_;
  const hf_column* column_;
};

class Table {
 public:
  Table(const hf_frame* frame, const hf_table* table) : frame_(frame), table_(table) {}
  explicit operator bool() const { return table_ != nullptr; }
  std::uint32_t rows() const { return table_->rows; }
  /// The rows of subject `s`: from first(s) to below first(s + 1).
  std::uint32_t first(std::uint32_t s) const { return hf_first_row(frame_, table_, s); }
  /// False when the agreement does not let this module read it.
  Column column(const char* name) const { return {frame_, table_ ? hf_find_column(frame_, table_, name) : nullptr}; }

 private:
  const hf_frame* frame_;
  const hf_table* table_;
};

/// The frames of the input, one after another: one for a request, many for a job, each of some of the subjects.
class Input {
 public:
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() { std::free(memory_); }
  /// False at the end.
  bool next() { return (frame_ = hf_next_frame(&memory_, &room_)) != nullptr; }
  std::uint32_t subjects() const { return frame_->subjects; }
  Table table(const char* name) const { return {frame_, hf_find_table(frame_, name)}; }

 private:
  void* memory_ = nullptr;
  std::size_t room_ = 0;
  const hf_frame* frame_ = nullptr;
};

/// What a job left for this module comes behind the frame, as the job wrote it: its next `size` bytes. False: fewer are
/// left, or there is none.
inline bool read_context(void* to, std::size_t size) { return hf_read_all(HF_INPUT, to, size); }

/// The answer to a request about one subject: one table, column by column, each with a value for each row.
class Answer {
 public:
  explicit Answer(std::string table) : name_(std::move(table)) {}
  void add(std::string name, const std::vector<std::string_view>& texts) {
    Part part{std::move(name), HF_TEXT, {}, {}};
    put(part.values, std::uint32_t{0});
    for (const std::string_view text : texts) {
      part.data += text;
      put(part.values, static_cast<std::uint32_t>(part.data.size()));
    }
    rows_ = static_cast<std::uint32_t>(texts.size());
    parts_.push_back(std::move(part));
  }
  /// `type`: HF_INTEGER, HF_TIME or HF_DURATION.
  void add(std::string name, char type, const std::vector<std::int64_t>& numbers) {
    Part part{std::move(name), type, {}, {}};
    for (const std::int64_t number : numbers) put(part.values, number);
    rows_ = static_cast<std::uint32_t>(numbers.size());
    parts_.push_back(std::move(part));
  }
  /// Writes it. False: the trustee took no more.
  bool send() const {
    hf_frame head{{'H', 'F', 'R', 'E', 'C', '0', '0', '1'}, 0, 1, 1, sizeof(hf_frame)};
    std::string out(sizeof(hf_frame) + sizeof(hf_table), '\0');
    hf_table table{place(out, name_),
                   static_cast<std::uint32_t>(name_.size()),
                   rows_,
                   static_cast<std::uint32_t>(parts_.size()),
                   0,
                   0,
                   0};
    const std::uint32_t starts[2] = {0, rows_};
    table.starts_offset = place(out, {reinterpret_cast<const char*>(starts), sizeof starts});
    table.columns_offset = out.size();
    std::size_t at = out.size();
    pad(out, parts_.size() * sizeof(hf_column));
    for (const Part& part : parts_) {
      hf_column column{place(out, part.name),
                       static_cast<std::uint32_t>(part.name.size()),
                       static_cast<std::uint32_t>(part.type),
                       0,
                       0,
                       0,
                       0,
                       0,
                       static_cast<std::uint32_t>(part.data.size())};
      column.values_offset = place(out, part.values);
      column.items_offset = out.size();
      column.data_offset = place(out, part.data);
      std::memcpy(out.data() + at, &column, sizeof column);
      at += sizeof column;
    }
    head.size = out.size();
    std::memcpy(out.data(), &head, sizeof head);
    std::memcpy(out.data() + sizeof head, &table, sizeof table);
    return hf_write_all(out.data(), out.size());
  }

 private:
  struct Part {
    std::string name;
    char type;
    std::string values, data;
  };
  template <class T>
  static void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static void pad(std::string& out, std::size_t more) { out.resize((out.size() + more + 7) / 8 * 8, '\0'); }
  static std::uint64_t place(std::string& out, std::string_view bytes) {
    const std::uint64_t offset = out.size();
    out += bytes;
    pad(out, 0);
    return offset;
  }
  std::string name_;
  std::uint32_t rows_ = 0;
  std::vector<Part> parts_;
};

}  // namespace holdfast::guest
