#include <chrono>
#include <stdexcept>

#include "views.h"

namespace shortvideo {
namespace {

/// Exactly `width` digits, zeros in front.
void append_padded(std::string& out, std::uint64_t value, std::size_t width) {
  const std::size_t start = out.size();
  out.append(width, '0');
  for (std::size_t i = start + width; i > start && value > 0; value /= 10)
    out[--i] = static_cast<char>('0' + value % 10);
}

void append_seconds(std::string& out, std::uint32_t ms) {
  out += std::to_string(ms / 1000);
  out.push_back('.');
  append_padded(out, ms % 1000, 3);
}

void append_time(std::string& out, std::int64_t at_ms) {
  const std::int64_t days = at_ms / 86'400'000;
  const auto rest = static_cast<std::uint64_t>(at_ms % 86'400'000);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_padded(out, rest / 3'600'000, 2);
  out.push_back(':');
  append_padded(out, rest / 60'000 % 60, 2);
  out.push_back(':');
  append_padded(out, rest / 1000 % 60, 2);
  out.push_back('.');
  append_padded(out, rest % 1000, 3);
  out.push_back('Z');
}

bool is_plain(std::string_view subject) {
  for (const char c : subject) {
    const char lower = static_cast<char>(c | 0x20);
    const bool letter = lower >= 'a' && lower <= 'z';
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') return false;
  }
  return !subject.empty();
}

}  // namespace

std::vector<std::string> read_subjects(std::string_view csv) {
  if (csv.starts_with("\xef\xbb\xbf")) csv.remove_prefix(3);
  std::vector<std::string> out;
  bool header = true;
  while (!csv.empty()) {
    // A line ends where a line feed stands outside of quotes.
    std::size_t end = 0;
    for (bool quoted = false; end < csv.size() && (quoted || csv[end] != '\n'); ++end) {
      if (csv[end] == '"') quoted = !quoted;
    }
    const std::string_view line = csv.substr(0, end);
    csv.remove_prefix(std::min(end + 1, csv.size()));
    const std::string_view subject = line.substr(0, line.find_first_of(",\r"));
    if (header && subject != "subject") throw std::runtime_error("the first column must be headed 'subject'");
    if (!header) {
      if (!is_plain(subject)) {
        throw std::runtime_error("line of person " + std::to_string(out.size() + 1) +
                                 ": a subject is letters, digits, '.', '_' and '-'");
      }
      out.emplace_back(subject);
    }
    header = false;
  }
  if (out.empty()) throw std::runtime_error("there are no people in it");
  return out;
}

void append_header(std::string& out, Format format) {
  if (format == Format::csv) out += "subject,event,video,watched,at\n";
}

void append_view(std::string& out, Format format, const View& view, std::string_view subject, std::size_t number) {
  const bool csv = format == Format::csv;
  out.append(csv ? "" : "{\"subject\":\"").append(subject).append(csv ? ",e" : "\",\"event\":\"e");
  append_padded(out, number, 10);
  out += csv ? ",v" : "\",\"video\":\"v";
  append_padded(out, view.video + 1, 6);
  out += csv ? "," : "\",\"watched\":";
  append_seconds(out, view.watched_ms);
  out += csv ? "s," : ",\"at\":\"";
  append_time(out, view.at_ms);
  out += csv ? "\n" : "\"}\n";
}

}  // namespace shortvideo
