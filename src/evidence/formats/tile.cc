#include "evidence/formats/tile.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>

namespace holdfast::evidence {
namespace {

constexpr unsigned kLevelMax = 63;
/// What a tree of 2^64 leaves would have at level 0. Longer numbers are refused before they are parsed.
constexpr std::size_t kNumberDigitsMax = 18;

/// "000", "x001/234": groups of three digits, every group but the last behind an x.
void put_number(std::string& out, std::uint64_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, (3 - digits.size() % 3) % 3, '0');
  for (std::size_t at = 0; at < digits.size(); at += 3) {
    if (at + 3 < digits.size()) out += 'x';
    out.append(digits, at, 3);
    if (at + 3 < digits.size()) out += '/';
  }
}

/// Digits only, no sign, no leading zero unless the number is zero itself.
std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return value;
}

/// Number of hashes at tile level `level`, that is, of complete subtrees of 256^level leaves.
std::uint64_t hashes_at(std::uint64_t size, unsigned level) { return level >= 8 ? 0 : size >> (8 * level); }

}  // namespace

std::string TileId::path() const {
  std::string out = "tile/";
  out += entries ? "entries" : std::to_string(level);
  out += '/';
  put_number(out, number);
  if (width != kTileWidth) out += ".p/" + std::to_string(width);
  return out;
}

std::optional<TileId> TileId::parse(std::string_view path) {
  constexpr std::string_view prefix = "tile/";
  if (!path.starts_with(prefix)) return std::nullopt;
  std::string_view rest = path.substr(prefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  TileId id;
  const std::string_view kind = rest.substr(0, slash);
  rest.remove_prefix(slash + 1);
  if (kind == "entries") {
    id.entries = true;
  } else {
    const auto level = parse_decimal(kind);
    if (!level || *level > kLevelMax) return std::nullopt;
    id.level = static_cast<std::uint8_t>(*level);
  }
  if (const std::size_t partial = rest.find(".p/"); partial != std::string_view::npos) {
    const auto width = parse_decimal(rest.substr(partial + 3));
    if (!width || *width == 0 || *width >= kTileWidth) return std::nullopt;
    id.width = static_cast<std::uint16_t>(*width);
    rest = rest.substr(0, partial);
  }
  std::size_t digits = 0;
  for (const char c : rest) {
    if (c == 'x' || c == '/') continue;
    if (c < '0' || c > '9' || ++digits > kNumberDigitsMax) return std::nullopt;
    id.number = id.number * 10 + static_cast<unsigned>(c - '0');
  }
  // One spelling only: whatever was passed over above shows here.
  if (id.path() != path) return std::nullopt;
  return id;
}

std::vector<TileId> tiles_of(std::uint64_t size, std::uint64_t from) {
  std::vector<TileId> out;
  const auto add_row = [&](bool entries, unsigned level) {
    const std::uint64_t hashes = hashes_at(size, level);
    TileId id{.entries = entries, .level = static_cast<std::uint8_t>(level)};
    for (id.number = hashes_at(from, level + 1); id.number < hashes / kTileWidth; ++id.number) out.push_back(id);
    id.width = static_cast<std::uint16_t>(hashes % kTileWidth);
    if (id.width != 0) out.push_back(id);
  };
  add_row(true, 0);
  for (unsigned level = 0; hashes_at(size, level) > 0; ++level) add_row(false, level);
  return out;
}

HashReader read_hashes(std::uint64_t size, std::function<Result<Bytes>(const TileId&)> fetch) {
  using Tiles = std::map<std::pair<unsigned, std::uint64_t>, std::vector<Hash>>;
  return [size, fetch = std::move(fetch), tiles = std::make_shared<Tiles>()](unsigned level,
                                                                             std::uint64_t index) -> Result<Hash> {
    const unsigned tile_level = level / 8, shift = level % 8;
    const std::uint64_t first = index << shift, number = first / kTileWidth;
    const std::uint64_t hashes = hashes_at(size, tile_level);
    HF_ASSERT(first + (std::uint64_t{1} << shift) <= hashes);
    auto found = tiles->find({tile_level, number});
    if (found == tiles->end()) {
      const TileId id{.level = static_cast<std::uint8_t>(tile_level),
                      .number = number,
                      .width = static_cast<std::uint16_t>(std::min(kTileWidth, hashes - number * kTileWidth))};
      HF_TRY(const Bytes raw, fetch(id));
      if (raw.size() != id.width * Hash::kSize) {
        return fail(Code::corrupt, "evidence.tile.length", id.path(),
                    "The tile does not have the length of its width.");
      }
      std::vector<Hash> content(id.width);
      for (std::size_t i = 0; i < content.size(); ++i) {
        content[i] = *Hash::from(ByteView(raw).substr(i * Hash::kSize, Hash::kSize));
      }
      found = tiles->emplace(std::pair(tile_level, number), std::move(content)).first;
    }
    return complete_root(std::span(found->second).subspan(first % kTileWidth, std::size_t{1} << shift));
  };
}

void put_entry(Bytes& bundle, ByteView entry) {
  HF_ASSERT(entry.size() <= kEntryBytesMax);
  put_u16(bundle, static_cast<std::uint16_t>(entry.size()));
  bundle += entry;
}

Result<std::vector<ByteView>> split_bundle(ByteView bundle, std::size_t width) {
  std::vector<ByteView> out;
  out.reserve(width);
  ByteReader in(bundle);
  for (std::size_t i = 0; i < width && in.ok(); ++i) out.push_back(in.take(in.u16()));
  if (!in.done()) {
    return fail(Code::corrupt, "evidence.bundle.malformed", "",
                "The entry bundle does not hold exactly " + std::to_string(width) + " entries.");
  }
  return out;
}

}  // namespace holdfast::evidence
