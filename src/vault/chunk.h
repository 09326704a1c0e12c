#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "vault/record.h"

namespace holdfast::vault {

/// Rows of one subject and append-only collection are stored some hundred together: one encryption and one item of
/// the store serve them all. A chunk takes no more rows once it has this many bytes.
inline constexpr std::size_t kChunkBytes = 4096;

/// By length, then by bytes: so decimal numbers without leading zeros ascend as numbers do.
bool key_less(ByteView a, ByteView b);

/// What is known of a chunk without decrypting it. Authenticated with the chunk.
struct ChunkHeader {
  std::uint32_t number = 0;  ///< counts up without gaps within subject and collection
  std::uint32_t count = 0;   ///< rows
  UnixMillis first = 0;      ///< when the oldest and the newest row were deposited
  UnixMillis last = 0;
};

/// The plaintext of a chunk, taking rows at its end:
///   sized running maximum, sized smallest key, sized largest key
///   varint count of shapes; each: varint count of fields, their tags (u32)
///   rows, each: sized key, varint milliseconds since `first`, varint shape, its values (sized)
/// A shape is the list of tags that rows have in common; rows of one import share one.
class Chunk {
 public:
  Chunk() = default;
  explicit Chunk(std::uint32_t number) { header_.number = number; }
  /// Rows are not looked at here, but by RowReader. Errors: corrupt "vault.chunk.malformed".
  static Result<Chunk> decode(const ChunkHeader& header, ByteView plaintext);
  Bytes encode() const;

  /// `record` is encoded and has passed check_encoded, `deposited` is not before header().last. No row of
  /// the collection has that key and is within its keep.
  void add(ByteView key, UnixMillis deposited, ByteView record);
  /// An empty chunk that goes on where this one ends.
  Chunk successor() const;
  /// The same without the rows deposited at `cutoff` or before. Errors: as decode.
  Result<Chunk> after(UnixMillis cutoff) const;

  const ChunkHeader& header() const { return header_; }
  bool full() const { return rows_.size() >= kChunkBytes; }
  /// The largest key that the collection ever had, up to this chunk.
  ByteView running_max() const { return running_max_; }
  /// Could one of the rows have a key from `low` to `high`?
  bool covers(ByteView low, ByteView high) const {
    return header_.count > 0 && !key_less(high, min_key_) && !key_less(max_key_, low);
  }

 private:
  friend class RowReader;
  using Shape = std::vector<FieldTag>;
  std::size_t shape_of(ByteView record);
  bool add_values(ByteView record, const Shape& shape);

  ChunkHeader header_;
  Bytes running_max_, min_key_, max_key_;
  std::vector<Shape> shapes_;
  Bytes rows_;
};

/// Goes through a chunk's rows. The chunk must outlive it.
class RowReader {
 public:
  explicit RowReader(const Chunk& chunk) : chunk_(chunk), rest_(chunk.rows_) {}
  /// False at the end, and when the bytes are no row: then ok() is false.
  bool next();
  /// Every row was there, and nothing else.
  bool ok() const { return ok_; }

  ByteView key() const { return key_; }
  UnixMillis deposited() const { return deposited_; }
  /// Is this the row's record? Encoded.
  bool holds(ByteView record) const;
  /// Into `out`, whose memory is used again.
  void copy_to(Record& out) const;

 private:
  const Chunk& chunk_;
  ByteReader rest_;
  std::uint32_t seen_ = 0;
  bool ok_ = true;
  ByteView key_;
  UnixMillis deposited_ = 0;
  const Chunk::Shape* shape_ = nullptr;
  std::vector<ByteView> values_;
};

}  // namespace holdfast::vault
