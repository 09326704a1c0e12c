#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "views.h"

namespace {

constexpr std::string_view kHelp =
    R"(Writes a made-up history of a short-video app: who watched what, when, for how long. The same for the same seed.

  shortvideo_views --people people.csv [--views N] [--seed N] [--days N] [--until YYYY-MM-DD] [--out FILE]

  --people   CSV whose first column is headed 'subject' (generate_people.py makes one)
  --views    how many (default 2000000)
  --seed     default 1
  --days     how many days of history (default 60)
  --until    no view is later than this day's beginning, UTC (default 2026-11-01)
  --out      file to write, CSV or, if its name ends in .ndjson, JSON lines; default: CSV to standard output
)";

using Options = std::map<std::string, std::string, std::less<>>;

Options parse_options(int argc, char** argv) {
  Options out{{"--people", ""}, {"--views", "2000000"},    {"--seed", "1"},
              {"--days", "60"}, {"--until", "2026-11-01"}, {"--out", ""}};
  for (int i = 1; i < argc; i += 2) {
    const auto option = out.find(std::string_view(argv[i]));
    if (option == out.end()) throw std::runtime_error("unknown option " + std::string(argv[i]) + "; see --help");
    if (i + 1 == argc) throw std::runtime_error(option->first + " needs a value");
    option->second = argv[i + 1];
  }
  if (out.at("--people").empty()) throw std::runtime_error("--people is needed; see --help");
  return out;
}

std::uint64_t number(const Options& options, const char* name, std::uint64_t min, std::uint64_t max) {
  const std::string& text = options.at(name);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    throw std::runtime_error(std::string(name) + " takes a number from " + std::to_string(min) + " to " +
                             std::to_string(max));
  }
  return value;
}

std::int64_t midnight_ms(const std::string& text) {
  int year = 0, end = 0;
  unsigned month = 0, day = 0;
  const bool read = std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &end) == 3;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!read || static_cast<std::size_t>(end) != text.size() || !date.ok() || year < 1971) {
    throw std::runtime_error("--until takes a day, written YYYY-MM-DD");
  }
  return std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86'400'000};
}

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in || !out) throw std::runtime_error(path + ": cannot be read");
  return std::move(out).str();
}

void write_all(std::ostream& out, const std::vector<shortvideo::View>& views, const std::vector<std::string>& subjects,
               shortvideo::Format format) {
  constexpr std::size_t chunk_bytes = 1 << 20;
  std::string buffer;
  buffer.reserve(chunk_bytes + 256);
  append_header(buffer, format);
  for (std::size_t i = 0; i < views.size(); ++i) {
    append_view(buffer, format, views[i], subjects[views[i].person], i + 1);
    if (buffer.size() < chunk_bytes) continue;
    out.write(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    buffer.clear();
  }
  out.write(buffer.data(), static_cast<std::streamsize>(buffer.size()));
  out.flush();
  if (!out) throw std::runtime_error("writing failed");
}

void run(const Options& options) {
  const std::vector<std::string> subjects = shortvideo::read_subjects(read_all(options.at("--people")));
  shortvideo::Settings settings;
  settings.people = subjects.size();
  settings.views = number(options, "--views", 1, 1'000'000'000);
  settings.seed = number(options, "--seed", 0, UINT64_MAX);
  settings.days = static_cast<int>(number(options, "--days", 1, 3650));
  settings.until_ms = midnight_ms(options.at("--until"));
  const std::vector<shortvideo::View> views = generate_views(settings);
  const std::string& path = options.at("--out");
  const auto format = path.ends_with(".ndjson") ? shortvideo::Format::ndjson : shortvideo::Format::csv;
  if (path.empty()) return write_all(std::cout, views, subjects, format);
  std::ofstream out(path, std::ios::binary);
  if (!out) throw std::runtime_error(path + ": cannot be written");
  write_all(out, views, subjects, format);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::cout << kHelp;
    return 0;
  }
  try {
    run(parse_options(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "shortvideo_views: " << error.what() << "\n";
    return 2;
  }
}
