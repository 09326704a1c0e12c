#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace holdfast::ledger {

/// An array that grows without moving: a vector of tens of millions would hold twice its size while it does. New
/// elements are zero.
template <class T>
class Chunked {
 public:
  Chunked() = default;
  Chunked(Chunked&&) noexcept = default;
  Chunked& operator=(Chunked&&) noexcept = default;
  Chunked(const Chunked& other) : size_(other.size_) {
    for (const auto& chunk : other.chunks_) chunks_.push_back(std::make_unique<Chunk>(*chunk));
  }
  Chunked& operator=(const Chunked& other) { return *this = Chunked(other); }

  std::size_t size() const { return size_; }
  const T& operator[](std::size_t i) const { return (*chunks_[i / kChunk])[i % kChunk]; }
  T& operator[](std::size_t i) { return (*chunks_[i / kChunk])[i % kChunk]; }
  void push_back(const T& value) {
    reach(size_ + 1);
    (*this)[size_ - 1] = value;
  }
  /// Makes it at least `size` long.
  void reach(std::size_t size) {
    while (chunks_.size() * kChunk < size) chunks_.push_back(std::make_unique<Chunk>());
    if (size > size_) size_ = size;
  }
  std::size_t size_bytes() const { return chunks_.size() * sizeof(Chunk); }

  /// Calls `visit(index, value)` for all, a chunk at a time.
  template <class Visit>
  void each(Visit visit) const {
    for (std::size_t start = 0; start < size_; start += kChunk) {
      const Chunk& chunk = *chunks_[start / kChunk];
      const std::size_t count = size_ - start < kChunk ? size_ - start : kChunk;
      for (std::size_t i = 0; i < count; ++i) visit(start + i, chunk[i]);
    }
  }

  static constexpr std::size_t kBlock = 64;
  /// Calls `visit` with span after span of kBlock elements, in order; the last may go on with zeros past the end.
  template <class Visit>
  void each_block(Visit visit) const {
    for (std::size_t start = 0; start < size_; start += kBlock) {
      visit(std::span<const T, kBlock>(chunks_[start / kChunk]->data() + start % kChunk, kBlock));
    }
  }

 private:
  static constexpr std::size_t kChunk = 1u << 14;
  using Chunk = std::array<T, kChunk>;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace holdfast::ledger
