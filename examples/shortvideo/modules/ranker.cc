// The ranker of the short-video app: a sealed module of the operator. Input: one person's views and language, then the
// trainer's model. Output: the 20 videos of their feed.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <string_view>
#include <vector>

#include "holdfast.hpp"
#include "model.h"

namespace {

using namespace shortvideo;

constexpr std::size_t kFeed = 20;
constexpr std::size_t kRecent = 300;  // views that say what somebody likes
constexpr float kPopularity = 0.25f, kFreshness = 0.05f, kLanguage = 0.05f;
constexpr float kFreshMs = 3 * 86'400e3f;

/// The model, read into memory whole.
struct Model {
  ModelHeader header;
  Matrix gram;
  std::vector<VideoHead> videos;
  std::vector<std::int8_t> factors, lifts;
  std::vector<std::uint16_t> slots;
  std::vector<char> names;

  bool read() {
    return part(&header, 1) && std::memcmp(header.magic, ModelHeader().magic, sizeof header.magic) == 0 &&
           header.videos <= kCatalogueMax && header.languages <= kLanguagesMax && part(&gram, 1) &&
           part(videos, header.videos) && part(factors, std::size_t{header.videos} * kFactors) &&
           part(lifts, std::size_t{header.videos} * header.languages) && part(slots, kSlots) &&
           part(names, header.name_bytes);
  }
  std::string_view name(std::size_t video) const {
    return {names.data() + videos[video].name_offset, videos[video].name_size};
  }
  /// Its index; -1 when the feed does not know it.
  int find(std::string_view name_looked_for) const {
    for (std::size_t slot = hash_of(name_looked_for) % kSlots; slots[slot] != 0; slot = (slot + 1) % kSlots) {
      if (name(slots[slot] - 1u) == name_looked_for) return slots[slot] - 1;
    }
    return -1;
  }
  Vector vector(std::size_t video) const {
    Vector out;
    for (int i = 0; i < kFactors; ++i)
      out[i] = videos[video].scale * factors[video * kFactors + static_cast<unsigned>(i)];
    return out;
  }

 private:
  template <class T>
  static bool part(T* to, std::size_t count) {
    return holdfast::guest::read_context(to, sizeof(T) * count);
  }
  template <class T>
  static bool part(std::vector<T>& to, std::size_t count) {
    to.resize(count);
    return part(to.data(), count);
  }
};

/// What somebody likes, as a vector; and what they have seen.
struct Person {
  Vector taste;
  std::vector<bool> seen;
  int language = -1;
};

Person look_at(const holdfast::guest::Input& input, const Model& model) {
  Person out;
  out.seen.resize(model.header.videos);
  const auto profile = input.table("profile");
  if (const auto language = profile.column("language"); language && profile.rows() > 0) {
    const std::string_view spoken = language.text(0).substr(0, 8);
    for (std::uint32_t i = 0; i < model.header.languages; ++i) {
      const char* name = model.header.language_names[i];
      if (std::string_view(name, strnlen(name, 8)) == spoken) out.language = static_cast<int>(i);
    }
  }
  const auto views = input.table("views");
  if (!views) return out;
  const auto video = views.column("video"), watched = views.column("watched");
  double total_ms = 0;
  for (const std::int64_t ms : watched.numbers(views.rows())) total_ms += static_cast<double>(ms);
  std::vector<Liking> likings;
  std::vector<Vector> liked;
  std::vector<int> place(model.header.videos, -1);
  for (std::uint32_t row = views.rows(); row-- > 0;) {  // the latest come last
    const int which = model.find(video.text(row));
    if (which < 0) continue;
    const auto index = static_cast<std::size_t>(which);
    out.seen[index] = true;
    if (place[index] < 0) {
      if (liked.size() == kRecent) continue;
      place[index] = static_cast<int>(liked.size());
      likings.push_back({static_cast<std::uint32_t>(liked.size()), 0});
      liked.push_back(model.vector(index));
    }
    likings[static_cast<std::size_t>(place[index])].weight +=
        kAlpha * weight_of(static_cast<double>(watched.number(row)), total_ms / views.rows());
  }
  explain(out.taste, likings.data(), likings.size(), model.gram,
          [&](std::uint32_t what) -> const Vector& { return liked[what]; });
  return out;
}

std::vector<std::uint32_t> best(const Model& model, const Person& person, std::int64_t now_ms) {
  float largest = 1e-9f;
  for (int i = 0; i < kFactors; ++i) largest = std::max(largest, std::fabs(person.taste[i]));
  alignas(16) std::int16_t taste[kFactors];
  for (int i = 0; i < kFactors; ++i)
    taste[i] = static_cast<std::int16_t>(std::lround(person.taste[i] / largest * 8191));
  std::vector<std::pair<float, std::uint32_t>> scored;
  scored.reserve(model.header.videos);
  for (std::uint32_t i = 0; i < model.header.videos; ++i) {
    if (person.seen[i]) continue;
    const VideoHead& video = model.videos[i];
    float score =
        static_cast<float>(dot(&model.factors[std::size_t{i} * kFactors], taste)) * video.scale * largest / 8191;
    const float age = static_cast<float>(now_ms - video.since_ms) / kFreshMs;
    score += kPopularity * video.popularity + kFreshness / (1 + std::max(age, 0.0f));
    if (person.language >= 0) {
      score += kLanguage / kLiftScale *
               model.lifts[std::size_t{i} * model.header.languages + static_cast<unsigned>(person.language)];
    }
    scored.emplace_back(-score, i);
  }
  const std::size_t count = std::min(kFeed, scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(count), scored.end());
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(scored[i].second);
  return out;
}

}  // namespace

int main() {
  holdfast::guest::Input input;
  static Model model;
  if (!input.next() || !model.read()) return 1;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const Person person = look_at(input, model);
  std::vector<std::string_view> names;
  for (const std::uint32_t video : best(model, person, now.tv_sec * std::int64_t{1000}))
    names.push_back(model.name(video));
  holdfast::guest::Answer answer("feed");
  answer.add("video", names);
  return answer.send() ? 0 : 1;
}
