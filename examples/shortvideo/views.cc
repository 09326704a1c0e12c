#include "views.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace shortvideo {
namespace {

constexpr std::int64_t kSecondMs = 1000, kMinuteMs = 60 * kSecondMs, kHourMs = 60 * kMinuteMs, kDayMs = 24 * kHourMs;
constexpr std::int64_t kSessionGapMs = 30 * kMinuteMs;
constexpr double kVideoZipf = 0.95;
constexpr double kSessionViewsMean = 14;

/// SplitMix64 (Steele, Lea, Flood 2014). The standard library's distributions differ between libraries; these do not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// From 0 to below `bound` (at most 2^32).
  std::uint32_t below(std::uint64_t bound) { return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32); }
  /// From 0 to below 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double probability) { return unit() < probability; }
  /// About normal, mean 0, deviation 1: the sum of twelve uniform numbers, which needs no logarithm.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += unit();
    return sum;
  }

 private:
  std::uint64_t state_;
};

/// Draws index i in proportion to its weight, in constant time (Walker's alias method, as Vose builds it).
class Weighted {
 public:
  explicit Weighted(const std::vector<double>& weights) : keep_(weights.size()), other_(weights.size()) {
    const double scale = static_cast<double>(weights.size()) / std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<double> left(weights.size());
    std::vector<std::uint32_t> small, large;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      left[i] = weights[i] * scale;
      (left[i] < 1 ? small : large).push_back(i);
    }
    while (!small.empty() && !large.empty()) {
      const std::uint32_t low = small.back(), high = large.back();
      small.pop_back();
      set(low, left[low], high);
      left[high] -= 1 - left[low];
      if (left[high] >= 1) continue;
      large.pop_back();
      small.push_back(high);
    }
    for (const auto& rest : {small, large}) {
      for (const std::uint32_t i : rest) set(i, 1, i);
    }
  }
  std::uint32_t draw(Random& random) const {
    const std::uint32_t i = random.below(keep_.size());
    return (random.next() >> 32) < keep_[i] ? i : other_[i];
  }

 private:
  /// In 32 bits: what the last bit of a double says of a weight then does not matter.
  void set(std::uint32_t i, double keep, std::uint32_t other) {
    keep_[i] = static_cast<std::uint64_t>(keep * 0x1p32 + 0.5);
    other_[i] = other;
  }
  std::vector<std::uint64_t> keep_;
  std::vector<std::uint32_t> other_;
};

struct Video {
  std::uint32_t taste = 0;
  std::uint32_t length_ms = 0;
  std::int64_t published_ms = 0;
};

/// All there is to watch; index is rank of popularity.
struct Catalogue {
  std::vector<Video> videos;
  std::vector<std::vector<std::uint32_t>> of_taste;
  Weighted popular;
  std::vector<Weighted> popular_of_taste;
};

std::vector<double> zipf(std::size_t count, double exponent) {
  std::vector<double> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = std::pow(static_cast<double>(i + 1), -exponent);
  return out;
}

Catalogue make_catalogue(const Settings& settings, Random& random) {
  const std::vector<double> weights = zipf(settings.videos, kVideoZipf);
  const Weighted tastes(zipf(settings.tastes, 0.5));
  const std::int64_t start_ms = settings.until_ms - settings.days * kDayMs;
  Catalogue out{{}, std::vector<std::vector<std::uint32_t>>(settings.tastes), Weighted(weights), {}};
  for (std::uint32_t i = 0; i < settings.videos; ++i) {
    // The first few are dealt out, so that no taste is without a video.
    const std::uint32_t taste = i < settings.tastes ? i : tastes.draw(random);
    const auto length_ms = static_cast<std::uint32_t>(std::clamp(18'000 * std::exp(0.6 * random.normal()), 4e3, 180e3));
    // Half of the videos are older than the history, half appear in its course.
    const std::int64_t age_ms = static_cast<std::int64_t>(random.unit() * settings.days * static_cast<double>(kDayMs));
    const bool old = i < settings.tastes || random.chance(0.5);
    out.videos.push_back({taste, length_ms, old ? start_ms - age_ms : start_ms + age_ms});
    out.of_taste[taste].push_back(i);
  }
  for (const auto& members : out.of_taste) {
    std::vector<double> part;
    for (const std::uint32_t video : members) part.push_back(weights[video]);
    out.popular_of_taste.emplace_back(part);
  }
  return out;
}

struct Person {
  std::array<std::uint32_t, 3> tastes{};  ///< the favourite first
  std::uint32_t taste_count = 1;
  std::int64_t utc_offset_ms = 0;
  double activity = 1;
  double patience = 1;
};

Person make_person(const Weighted& tastes, Random& random) {
  // Eastern, Central, Mountain, Pacific, by how many live there, without summer time.
  static const Weighted zones({0.47, 0.29, 0.07, 0.17});
  Person out;
  out.taste_count = 1 + random.below(3);
  for (std::uint32_t& taste : out.tastes) taste = tastes.draw(random);
  out.utc_offset_ms = -(5 + static_cast<std::int64_t>(zones.draw(random))) * kHourMs;
  out.activity = std::exp(1.0 * random.normal());
  out.patience = std::exp(0.25 * random.normal());
  return out;
}

/// How many views each person has: in proportion to activity, and `views` in all.
std::vector<std::size_t> share_out(const std::vector<Person>& people, std::size_t views) {
  double total = 0, so_far = 0;
  for (const Person& person : people) total += person.activity;
  std::vector<std::size_t> out;
  std::size_t given = 0;
  for (const Person& person : people) {
    so_far += person.activity;
    const auto until = static_cast<std::size_t>(std::llround(so_far / total * static_cast<double>(views)));
    out.push_back(until - given);
    given = until;
  }
  out.back() += views - given;
  return out;
}

/// When someone opens the app, by the hour of their own clock.
const Weighted& day_rhythm() {
  static const Weighted hours({2.2, 1.2, 0.7, 0.4, 0.3, 0.5, 1.2, 2.4, 3.0, 2.6, 2.4, 2.8,
                               4.2, 3.8, 2.8, 2.8, 3.2, 4.0, 5.0, 6.2, 7.4, 8.2, 7.2, 4.6});
  return hours;
}

std::int64_t session_start(const Settings& settings, const Person& person, Random& random) {
  const std::int64_t day = random.below(static_cast<std::uint64_t>(settings.days));
  const std::int64_t local_ms = static_cast<std::int64_t>(day_rhythm().draw(random)) * kHourMs + random.below(kHourMs);
  // A day earlier than the last: evenings in the west, and sessions put off, end after midnight UTC.
  return settings.until_ms - (settings.days + 1 - day) * kDayMs + local_ms - person.utc_offset_ms;
}

std::uint32_t choose_video(const Catalogue& catalogue, const Person& person, std::int64_t now_ms, Random& random) {
  const auto draw = [&] {
    if (!random.chance(0.8)) return catalogue.popular.draw(random);
    // The favourite taste half of the time, and the others share the rest.
    const bool favourite = person.taste_count == 1 || random.chance(0.5);
    const std::uint32_t taste = person.tastes[favourite ? 0 : 1 + random.below(person.taste_count - 1)];
    return catalogue.of_taste[taste][catalogue.popular_of_taste[taste].draw(random)];
  };
  const auto published = [&](std::uint32_t video) { return catalogue.videos[video].published_ms; };
  std::uint32_t chosen = draw();
  for (int tries = 0; published(chosen) > now_ms; ++tries) {
    chosen = tries < 16 ? draw() : random.below(catalogue.of_taste.size());  // the first videos, one a taste, are old
  }
  // What is new is shown first: of two candidates, now and then the younger.
  if (random.chance(0.4)) {
    const std::uint32_t other = draw();
    if (published(other) <= now_ms && published(other) > published(chosen)) chosen = other;
  }
  return chosen;
}

std::uint32_t watch_ms(const Video& video, const Person& person, Random& random) {
  const auto likes = std::find(person.tastes.begin(), person.tastes.begin() + person.taste_count, video.taste);
  const bool liked = likes != person.tastes.begin() + person.taste_count;
  double part;
  if (random.chance(liked ? 0.25 : 0.65)) {
    part = 0.02 + 0.2 * random.unit();  // swiped away
  } else if (random.chance(liked ? 0.6 : 0.25)) {
    part = 1 + (random.chance(0.15) ? random.unit() : 0);  // to the end, or on into a second time
  } else {
    part = 0.2 + 0.8 * random.unit();
  }
  const double ms = part * std::min(1.0, 0.7 + 0.3 * person.patience) * video.length_ms;
  return static_cast<std::uint32_t>(std::max(ms, 300.0));
}

void watch(const Settings& settings, const Catalogue& catalogue, const Person& person, std::uint32_t index,
           std::size_t views, Random& random, std::vector<View>& out) {
  std::vector<std::pair<std::int64_t, std::size_t>> sessions;  // start, views
  for (std::size_t left = views; left > 0;) {
    const double drawn = kSessionViewsMean * std::exp(0.7 * random.normal() - 0.245);
    const std::size_t size = std::min(left, static_cast<std::size_t>(drawn) + 1);
    sessions.emplace_back(session_start(settings, person, random), size);
    left -= size;
  }
  std::sort(sessions.begin(), sessions.end());
  std::int64_t now_ms = 0;
  for (const auto& [start_ms, size] : sessions) {
    now_ms = now_ms == 0 ? start_ms : std::max(start_ms, now_ms + kSessionGapMs + random.below(kHourMs));
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint32_t video = choose_video(catalogue, person, now_ms, random);
      const std::uint32_t watched_ms = watch_ms(catalogue.videos[video], person, random);
      out.push_back({now_ms, index, video, watched_ms});
      now_ms += watched_ms + 300 + random.below(2500);
    }
  }
}

}  // namespace

std::vector<View> generate_views(const Settings& settings) {
  Random random(settings.seed);
  const Catalogue catalogue = make_catalogue(settings, random);
  const Weighted tastes(zipf(settings.tastes, 0.5));
  std::vector<Person> people;
  for (std::size_t i = 0; i < settings.people; ++i) people.push_back(make_person(tastes, random));
  const std::vector<std::size_t> shares = share_out(people, settings.views);
  std::vector<View> out;
  out.reserve(settings.views);
  for (std::uint32_t i = 0; i < people.size(); ++i) {
    Random own(random.next());
    watch(settings, catalogue, people[i], i, shares[i], own, out);
  }
  std::sort(out.begin(), out.end(),
            [](const View& a, const View& b) { return a.at_ms != b.at_ms ? a.at_ms < b.at_ms : a.person < b.person; });
  return out;
}

}  // namespace shortvideo
