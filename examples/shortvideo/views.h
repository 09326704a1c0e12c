#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shortvideo {

/// One look at one video.
struct View {
  std::int64_t at_ms = 0;  ///< since 1970, UTC
  std::uint32_t person = 0;
  std::uint32_t video = 0;
  std::uint32_t watched_ms = 0;
};

struct Settings {
  std::uint64_t seed = 1;
  std::size_t people = 3000;
  std::size_t views = 2'000'000;
  std::size_t videos = 20'000;
  std::size_t tastes = 40;  ///< kinds of video, each liked by a part of the people
  int days = 60;
  std::int64_t until_ms = 1'793'491'200'000;  ///< no view is later: 2026-11-01T00:00Z
};

/// A history that looks like one of a short-video app, the same for the same settings on every machine:
/// - videos: popularity by Zipf's law, each of one taste, published before or during the time looked at;
/// - people: one to three tastes each, shared with many others; most watch a little and a few a lot;
/// - sessions: evenings more than mornings by the person's own clock, a dozen videos or so one after another, at least
///   half an hour apart;
/// - choice: mostly of one's tastes, and new videos before old ones;
/// - watching: what one likes to the end or twice, the rest is swiped away.
/// Ordered by time. Exactly `views` of them.
std::vector<View> generate_views(const Settings& settings);

/// The first column of a CSV file with a header that begins with "subject". Throws std::runtime_error when it is none
/// or a subject has characters other than letters, digits, '.', '_' and '-'.
std::vector<std::string> read_subjects(std::string_view csv);

enum class Format { csv, ndjson };
/// Appends the line of CSV's header; nothing for NDJSON.
void append_header(std::string& out, Format format);
/// Appends one line: subject, event, video, watched, at. `number` counts from 1 and makes the event's id, so that ids
/// ascend with time.
void append_view(std::string& out, Format format, const View& view, std::string_view subject, std::size_t number);

}  // namespace shortvideo
