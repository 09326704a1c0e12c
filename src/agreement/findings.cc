#include "agreement/findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/near.h"

namespace holdfast::agreement {
namespace {

constexpr std::size_t kShownBytesMax = 60;
constexpr std::size_t kCharacterBytesMax = 4;  // of UTF-8
constexpr std::size_t kCompareBytesMax = 80;   // a longer word is near to no name of ours

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// The column in characters of a column in bytes on `line`.
std::uint32_t characters(std::string_view line, std::uint32_t column_bytes) {
  const auto before = line.substr(0, std::min<std::size_t>(column_bytes - 1, line.size()));
  const auto continuing = std::count_if(before.begin(), before.end(), continues_character);
  return column_bytes - static_cast<std::uint32_t>(continuing);
}

/// Names have letters of ASCII only, so whatever else stands in one is shown by its number: a letter that only looks
/// like another, a sign that nobody sees, or one that turns the direction of what follows.
void append_shown(std::string& out, std::string_view character) {
  const auto lead = static_cast<unsigned char>(character.front());
  if (character.size() == 1) {
    out += lead == '\n' ? ' ' : character.front();
    return;
  }
  std::uint32_t point = lead & (0x7fu >> character.size());
  for (const char c : character.substr(1)) point = point << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  out += fmt::format("\\u{{{:04x}}}", point);
}

}  // namespace

std::string Finding::text() const { return fmt::format("{}:{}: {} [{}]", line, column, message, slug); }

void Findings::add(std::string_view slug, Position at, std::string message) {
  // Ten times what is shown, so that the first by position are among them in any document made by people.
  if (list_.size() >= 10 * kFindingsMax) {
    ++dropped_;
    return;
  }
  list_.push_back({slug, at.line, at.column, std::move(message)});
}

void Findings::add_unknown(std::string_view slug, Position at, std::string_view word, std::string_view statement,
                           std::span<const std::string_view> known) {
  if (list_.size() >= 10 * kFindingsMax) {
    ++dropped_;
    return;
  }
  const std::string near = word.size() <= kCompareBytesMax ? did_you_mean(word, known) : "";
  add(slug, at, fmt::format("{} {}{}", quoted(word), statement, near));
}

bool Findings::only(std::initializer_list<std::string_view> slugs) const {
  return dropped_ == 0 && std::ranges::all_of(list_, [&](const Finding& each) {
           return std::ranges::find(slugs, each.slug) != slugs.end();
         });
}

std::vector<Finding> Findings::take(std::string_view document) {
  std::stable_sort(list_.begin(), list_.end(), [](const Finding& a, const Finding& b) {
    return Position{a.line, a.column} < Position{b.line, b.column};
  });
  if (list_.size() > kFindingsMax) {
    dropped_ += list_.size() - kFindingsMax;
    list_.resize(kFindingsMax);
  }
  std::uint32_t line = 1;
  std::size_t start = 0;
  for (Finding& finding : list_) {
    for (; line < finding.line; ++line) {
      const auto end = document.find('\n', start);
      if (end == std::string_view::npos) break;
      start = end + 1;
    }
    const auto end = std::min(document.find('\n', start), document.size());
    finding.column = characters(document.substr(start, end - start), finding.column);
  }
  if (dropped_ > 0) {
    const Position last{list_.back().line, list_.back().column};
    list_.push_back({"agreement.findings.many", last.line, last.column,
                     fmt::format("there are {} more findings; mend these first and check again", dropped_)});
  }
  dropped_ = 0;
  return std::move(list_);
}

std::string quoted(std::string_view word) {
  std::string out = "'";
  const bool whole = word.size() <= kShownBytesMax;
  if (!whole) word = word.substr(0, kShownBytesMax);
  while (!word.empty()) {
    std::size_t size = 1;
    while (size < word.size() && size < kCharacterBytesMax && continues_character(word[size])) ++size;
    if (!whole && size == word.size()) break;  // perhaps cut within a character
    append_shown(out, word.substr(0, size));
    word.remove_prefix(size);
  }
  if (!whole) out += "…";
  return out + "'";
}

std::string one_of(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace holdfast::agreement
