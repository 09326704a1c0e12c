#include "sealed/worker/memory_import.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace holdfast::sealed::worker {
namespace {

constexpr std::uint8_t kTypeSection = 1, kImportSection = 2, kMemorySection = 5;
constexpr std::uint8_t kMemoryImport = 2, kHasMaximum = 1;
constexpr std::size_t kHeadBytes = 8;
constexpr std::uint32_t kPagesMore = 64;

/// LEB128 of at most five bytes; false at the end of `in` or when it is longer.
bool take_leb(std::span<const std::uint8_t>& in, std::uint32_t& value) {
  std::uint64_t out = 0;
  for (unsigned shift = 0; shift < 35 && !in.empty(); shift += 7) {
    const std::uint8_t byte = in.front();
    in = in.subspan(1);
    out |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) {
      value = static_cast<std::uint32_t>(out);
      return out <= UINT32_MAX;
    }
  }
  return false;
}

void put_leb(std::vector<std::uint8_t>& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_name(std::vector<std::uint8_t>& out, std::string_view name) {
  put_leb(out, static_cast<std::uint32_t>(name.size()));
  out.insert(out.end(), name.begin(), name.end());
}

void put(std::vector<std::uint8_t>& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

struct Section {
  std::uint8_t id = 0;
  std::span<const std::uint8_t> whole, body;
};

std::optional<std::vector<Section>> sections_of(std::span<const std::uint8_t> module) {
  if (module.size() < kHeadBytes) return std::nullopt;
  std::vector<Section> out;
  for (auto in = module.subspan(kHeadBytes); !in.empty();) {
    const auto begin = in;
    const std::uint8_t id = in.front();
    in = in.subspan(1);
    std::uint32_t bytes = 0;
    if (!take_leb(in, bytes) || bytes > in.size()) return std::nullopt;
    const auto body = in.first(bytes);
    in = in.subspan(bytes);
    out.push_back({id, begin.first(begin.size() - in.size()), body});
  }
  return out;
}

/// The one memory of `body`, a memory section; false when it is anything else, which the engine refuses.
bool read_limits(std::span<const std::uint8_t> body, MemoryLimits& limits) {
  std::uint32_t memories = 0;
  if (!take_leb(body, memories) || memories != 1 || body.empty()) return false;
  const std::uint8_t flags = body.front();
  body = body.subspan(1);
  limits.maximum = UINT32_MAX;
  if (flags > kHasMaximum || !take_leb(body, limits.initial)) return false;  // shared and 64-bit ones
  if (flags == kHasMaximum && !take_leb(body, limits.maximum)) return false;
  return body.empty();
}

/// An import section: that of the module, if it has one, and the memory.
bool put_imports(std::vector<std::uint8_t>& out, std::span<const std::uint8_t> body, const MemoryLimits& limits) {
  std::uint32_t imports = 0;
  if (!body.empty() && !take_leb(body, imports)) return false;
  std::vector<std::uint8_t> section;
  put_leb(section, imports + 1);
  put(section, body);
  put_name(section, kMemoryImportModule);
  put_name(section, kMemoryImportName);
  section.push_back(kMemoryImport);
  section.push_back(kHasMaximum);
  put_leb(section, limits.initial);
  put_leb(section, limits.maximum);
  out.push_back(kImportSection);
  put_leb(out, static_cast<std::uint32_t>(section.size()));
  put(out, section);
  return true;
}

}  // namespace

bool import_memory(std::span<const std::uint8_t> module, std::uint64_t memory_bytes_max, std::vector<std::uint8_t>& out,
                   MemoryLimits& limits, std::string& problem) {
  out.assign(module.begin(), module.end());
  limits = {};
  const auto sections = sections_of(module);
  if (!sections) return true;
  const auto is = [](std::uint8_t id) { return [id](const Section& section) { return section.id == id; }; };
  const auto memory = std::find_if(sections->begin(), sections->end(), is(kMemorySection));
  MemoryLimits declared;
  if (memory == sections->end() || !read_limits(memory->body, declared)) return true;
  if (std::count_if(sections->begin(), sections->end(), is(kMemorySection)) != 1) return true;
  const auto pages_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(memory_bytes_max / kWasmPageBytes, 65536));
  if (declared.initial > pages_max) {
    problem = "its memory starts with " + std::to_string(declared.initial) + " pages of 64 KiB and may have " +
              std::to_string(pages_max);
    return false;
  }
  if (declared.maximum < declared.initial) return true;
  declared.maximum = std::min(declared.maximum, pages_max);
  declared.initial = std::min(declared.initial + kPagesMore, declared.maximum);

  std::vector<std::uint8_t> changed(module.begin(), module.begin() + kHeadBytes);
  bool imported = false;
  for (const Section& section : *sections) {
    if (!imported && section.id > kTypeSection) {  // behind the types, or in place of the module's own
      if (!put_imports(changed, section.id == kImportSection ? section.body : std::span<const std::uint8_t>(),
                       declared))
        return true;
      imported = true;
      if (section.id == kImportSection) continue;
    }
    if (section.id != kMemorySection) put(changed, section.whole);
  }
  out = std::move(changed);
  limits = declared;
  return true;
}

}  // namespace holdfast::sealed::worker
