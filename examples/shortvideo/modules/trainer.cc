// The trainer of the short-video app: a sealed module of the operator. Reads everybody's views once, in frames, and
// leaves a model (model.h): implicit alternating least squares in 64 factors, popularity, freshness, and how much more
// the speakers of each language look at a video than others do. No trace of a single person is meant to be in it; the
// trustee takes no such promise, and keeps the model in custody.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "holdfast.hpp"
#include "model.h"

namespace {

using namespace shortvideo;

constexpr int kRounds = 8;
constexpr double kHalfLifeMs = 7 * 86'400e3;  // of a view's say in what is popular

struct View {
  std::uint32_t video;
  float watched_ms;
};

struct Video {
  std::string name;
  double watched_ms = 0, popularity = 0;
  std::uint32_t views = 0;
  std::int64_t since_ms = 0;
};

/// All that was read: each person's views one after another.
struct History {
  std::vector<Video> videos;
  std::unordered_map<std::string, std::uint32_t> index;
  std::vector<View> views;
  std::vector<std::int64_t> at_ms;
  std::vector<std::size_t> starts{0};
  std::vector<std::uint8_t> languages;  ///< of each person
  std::vector<std::string> language_names;

  std::uint32_t find(std::string_view name) {
    const auto [found, added] = index.try_emplace(std::string(name), static_cast<std::uint32_t>(videos.size()));
    if (added) videos.push_back({std::string(name)});
    return found->second;
  }
  std::uint8_t language(std::string_view name) {
    name = name.substr(0, 8);
    const auto found = std::find(language_names.begin(), language_names.end(), name);
    if (found != language_names.end()) return static_cast<std::uint8_t>(found - language_names.begin());
    if (language_names.size() == kLanguagesMax) return kLanguagesMax;
    language_names.emplace_back(name);
    return static_cast<std::uint8_t>(language_names.size() - 1);
  }
};

History read_history() {
  History out;
  holdfast::guest::Input input;
  while (input.next()) {
    const auto views = input.table("views"), profile = input.table("profile");
    if (!views) continue;
    const auto video = views.column("video"), watched = views.column("watched"), at = views.column("at");
    const auto language = profile.column("language");
    for (std::uint32_t subject = 0; subject < input.subjects(); ++subject) {
      for (std::uint32_t row = views.first(subject); row < views.first(subject + 1); ++row) {
        if (!video.present(row)) continue;
        const std::uint32_t which = out.find(video.text(row));
        Video& seen = out.videos[which];
        const std::int64_t at_ms = at.number(row);
        if (seen.views == 0 || at_ms < seen.since_ms) seen.since_ms = at_ms;
        ++seen.views;
        seen.watched_ms += static_cast<double>(watched.number(row));
        out.views.push_back({which, static_cast<float>(watched.number(row))});
        out.at_ms.push_back(at_ms);
      }
      std::uint8_t spoken = kLanguagesMax;
      if (language && profile.first(subject) < profile.first(subject + 1)) {
        spoken = out.language(language.text(profile.first(subject)));
      }
      out.languages.push_back(spoken);
      out.starts.push_back(out.views.size());
    }
  }
  return out;
}

/// Likings by person, or by video: those of i are from starts[i] to below starts[i + 1].
struct Likings {
  std::vector<Liking> all;
  std::vector<std::size_t> starts{0};
};

Likings by_person(const History& history) {
  Likings out;
  std::vector<float> weight(history.videos.size());
  std::vector<std::uint32_t> touched;
  for (std::size_t person = 0; person + 1 < history.starts.size(); ++person) {
    touched.clear();
    for (std::size_t i = history.starts[person]; i < history.starts[person + 1]; ++i) {
      const View& view = history.views[i];
      const Video& video = history.videos[view.video];
      if (weight[view.video] == 0) touched.push_back(view.video);
      weight[view.video] += weight_of(view.watched_ms, video.watched_ms / video.views);
    }
    for (const std::uint32_t video : touched) {
      out.all.push_back({video, kAlpha * weight[video]});
      weight[video] = 0;
    }
    out.starts.push_back(out.all.size());
  }
  return out;
}

Likings turned(const Likings& likings, std::size_t videos) {
  Likings out;
  out.starts.assign(videos + 1, 0);
  for (const Liking& liking : likings.all) ++out.starts[liking.what + 1];
  std::partial_sum(out.starts.begin(), out.starts.end(), out.starts.begin());
  out.all.resize(likings.all.size());
  std::vector<std::size_t> next(out.starts.begin(), out.starts.end() - 1);
  for (std::uint32_t person = 0; person + 1 < likings.starts.size(); ++person) {
    for (std::size_t i = likings.starts[person]; i < likings.starts[person + 1]; ++i) {
      out.all[next[likings.all[i].what]++] = {person, likings.all[i].weight};
    }
  }
  return out;
}

Matrix gram_of(const std::vector<Vector>& vectors) {
  Matrix out;
  for (const Vector& v : vectors) out.add_outer(v);
  for (int i = 0; i < kFactors; ++i) out.rows[i][i] += kRegularisation;
  return out;
}

void improve(std::vector<Vector>& these, const Likings& likings, const std::vector<Vector>& others) {
  const Matrix gram = gram_of(others);
  for (std::size_t i = 0; i < these.size(); ++i) {
    explain(these[i], likings.all.data() + likings.starts[i], likings.starts[i + 1] - likings.starts[i], gram,
            [&](std::uint32_t what) -> const Vector& { return others[what]; });
  }
}

std::vector<Vector> factorise(const History& history) {
  const Likings people = by_person(history), videos = turned(people, history.videos.size());
  std::vector<Vector> x(people.starts.size() - 1), y(history.videos.size());
  std::uint64_t state = 1;  // the same model from the same views, always
  for (Vector& v : y) {
    for (int i = 0; i < kFactors; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      v[i] = 0.1f * (static_cast<float>(state >> 40) * 0x1p-24f - 0.5f);
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    improve(x, people, y);
    improve(y, videos, x);
  }
  return y;
}

/// What was looked at lately, most first, and how much; 0 to 1.
std::vector<std::uint32_t> choose_catalogue(History& history) {
  const std::int64_t last_ms =
      history.at_ms.empty() ? 0 : *std::max_element(history.at_ms.begin(), history.at_ms.end());
  for (std::size_t i = 0; i < history.views.size(); ++i) {
    const double age_ms = static_cast<double>(last_ms - history.at_ms[i]);
    history.videos[history.views[i].video].popularity += std::exp2(-age_ms / kHalfLifeMs);
  }
  std::vector<std::uint32_t> order(history.videos.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double pa = history.videos[a].popularity, pb = history.videos[b].popularity;
    return pa != pb ? pa > pb : history.videos[a].name < history.videos[b].name;
  });
  const double most = order.empty() ? 1 : std::log1p(history.videos[order[0]].popularity);
  for (Video& video : history.videos) video.popularity = std::log1p(video.popularity) / most;
  order.resize(std::min<std::size_t>(order.size(), kCatalogueMax));
  return order;
}

/// log of how much oftener speakers of a language look at a video than people do on the whole; drawn towards none by
/// fifty views that nobody had.
std::vector<std::int8_t> lifts(const History& history, const std::vector<std::uint32_t>& catalogue) {
  const std::size_t languages = history.language_names.size();
  std::vector<double> of_language(languages + 1), pairs(history.videos.size() * (languages + 1));
  for (std::size_t person = 0; person + 1 < history.starts.size(); ++person) {
    const std::size_t language = std::min<std::size_t>(history.languages[person], languages);
    for (std::size_t i = history.starts[person]; i < history.starts[person + 1]; ++i) {
      ++of_language[language];
      ++pairs[history.views[i].video * (languages + 1) + language];
    }
  }
  std::vector<std::int8_t> out;
  for (const std::uint32_t video : catalogue) {
    const double share = history.videos[video].views / static_cast<double>(history.views.size());
    for (std::size_t language = 0; language < languages; ++language) {
      const double expected = share * of_language[language];
      const double lift = std::log((pairs[video * (languages + 1) + language] + 50) / (expected + 50));
      out.push_back(static_cast<std::int8_t>(std::clamp(std::lround(lift * kLiftScale), -127L, 127L)));
    }
  }
  return out;
}

template <class T>
void put(std::string& out, const T* values, std::size_t count) {
  out.append(reinterpret_cast<const char*>(values), sizeof(T) * count);
}

std::string write_model(History& history, const std::vector<Vector>& factors) {
  const std::vector<std::uint32_t> catalogue = choose_catalogue(history);
  const Matrix gram = gram_of(factors);
  std::string names;
  std::vector<VideoHead> heads;
  std::vector<std::int8_t> bytes;
  std::vector<std::uint16_t> slots(kSlots);
  for (const std::uint32_t index : catalogue) {
    const Video& video = history.videos[index];
    float largest = 1e-9f;
    for (int i = 0; i < kFactors; ++i) largest = std::max(largest, std::fabs(factors[index][i]));
    const float scale = largest / 127;
    for (int i = 0; i < kFactors; ++i) {
      bytes.push_back(static_cast<std::int8_t>(std::lround(factors[index][i] / scale)));
    }
    heads.push_back({scale, static_cast<float>(video.popularity), video.since_ms,
                     static_cast<std::uint32_t>(names.size()), static_cast<std::uint32_t>(video.name.size())});
    names += video.name;
    std::size_t slot = hash_of(video.name) % kSlots;
    while (slots[slot] != 0) slot = (slot + 1) % kSlots;
    slots[slot] = static_cast<std::uint16_t>(heads.size());
  }
  const std::vector<std::int8_t> lift = lifts(history, catalogue);
  ModelHeader header;
  header.videos = static_cast<std::uint32_t>(catalogue.size());
  header.name_bytes = static_cast<std::uint32_t>(names.size());
  header.languages = static_cast<std::uint32_t>(history.language_names.size());
  for (std::size_t i = 0; i < history.language_names.size(); ++i) {
    std::memcpy(header.language_names[i], history.language_names[i].data(), history.language_names[i].size());
  }
  std::string out;
  put(out, &header, 1);
  put(out, &gram, 1);
  put(out, heads.data(), heads.size());
  put(out, bytes.data(), bytes.size());
  put(out, lift.data(), lift.size());
  put(out, slots.data(), slots.size());
  return out + names;
}

}  // namespace

int main() {
  History history = read_history();
  std::fprintf(stderr, "trainer: %zu people, %zu videos, %zu views\n", history.starts.size() - 1, history.videos.size(),
               history.views.size());
  const std::vector<Vector> factors = factorise(history);
  const std::string model = write_model(history, factors);
  return hf_write_all(model.data(), model.size()) ? 0 : 1;
}
