#pragma once

#include <cstdint>
#include <string_view>

#include "vector.h"

// What the trainer leaves and the ranker reads: a header, then arrays, each right behind the one before.
namespace shortvideo {

inline constexpr std::uint32_t kCatalogueMax = 4096;  ///< videos that a feed is chosen from
inline constexpr std::uint32_t kLanguagesMax = 16;
inline constexpr std::uint32_t kSlots = 4 * kCatalogueMax;  ///< of the table of names

struct ModelHeader {
  char magic[8] = {'S', 'V', 'M', 'O', 'D', 'L', '0', '1'};
  std::uint32_t videos = 0;
  std::uint32_t name_bytes = 0;
  std::uint32_t languages = 0;
  std::uint32_t zero = 0;
  char language_names[kLanguagesMax][8] = {};
};

/// For each video, best known first: Video; then its 64 factors, as bytes; then the lift of each language, as bytes;
/// then u16[kSlots], the table of names: index + 1 at the slot that the name's hash says, or the next free one; then
/// the names; before all of these, Matrix: the sum over all videos of y yᵀ, and the regularisation.
struct VideoHead {
  float scale = 0;            ///< y = bytes * scale
  float popularity = 0;       ///< 0 to 1, on a logarithmic scale
  std::int64_t since_ms = 0;  ///< when it was first seen
  std::uint32_t name_offset = 0, name_size = 0;
};

inline constexpr float kLiftScale = 32;  ///< a lift of log 1 is 32

inline std::uint64_t hash_of(std::string_view name) {  // FNV-1a
  std::uint64_t out = 14695981039346656037u;
  for (const char c : name) out = (out ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return out ^ (out >> 32);
}

/// How much a look tells: 1 for the usual time with that video, up to 3, and a little for a swipe.
inline float weight_of(double watched_ms, double usual_ms) {
  const double part = usual_ms > 0 ? watched_ms / usual_ms : 1;
  return static_cast<float>(part < 0.1 ? 0.1 : part > 3 ? 3 : part);
}

inline constexpr float kAlpha = 4;            ///< what a weight of 1 adds to the confidence
inline constexpr float kRegularisation = 20;  ///< on the diagonal

}  // namespace shortvideo
