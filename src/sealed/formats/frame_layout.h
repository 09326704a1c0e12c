#pragma once

#include <cstdint>
#include <cstring>

namespace holdfast::sealed::layout {

// The structures of docs/sealed-modules.md, as they lie in memory.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "frames are little-endian, and so is every machine we build for");

inline constexpr char kMagic[8] = {'H', 'F', 'R', 'E', 'C', '0', '0', '1'};

struct Header {
  char magic[8];
  std::uint64_t size_bytes;  ///< of the whole frame
  std::uint32_t subjects;
  std::uint32_t tables;
  std::uint64_t tables_offset;
};
struct Table {
  std::uint64_t name_offset;
  std::uint32_t name_size;
  std::uint32_t rows;
  std::uint32_t columns;
  std::uint32_t zero;
  std::uint64_t columns_offset;
  std::uint64_t starts_offset;  ///< u32[subjects + 1]
};
struct Column {
  std::uint64_t name_offset;
  std::uint32_t name_size;
  std::uint32_t type;            ///< the letter of disclosure::code_of
  std::uint64_t present_offset;  ///< u64[(rows + 63) / 64]; 0: every row has a value
  std::uint64_t values_offset;
  std::uint64_t items_offset;
  std::uint64_t data_offset;
  std::uint32_t items;  ///< list of text: how many texts there are in all
  std::uint32_t data_size;
};
static_assert(sizeof(Header) == 32 && sizeof(Table) == 40 && sizeof(Column) == 56);

template <class T>
T load(const char* at) {
  T out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

inline constexpr std::size_t padded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

}  // namespace holdfast::sealed::layout
