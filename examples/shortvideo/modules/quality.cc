// How good the feed is: trains on the first four fifths of a history, asks for the feed of each person, and compares
// with what they went on to look at, beside what popularity alone would have shown them.
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

#include "disclosure/value.h"
#include "sealed/formats/records.h"
#include "views.h"

namespace {

using namespace holdfast;
using agreement::FieldType;

constexpr std::size_t kFeed = 20;
constexpr std::string_view kHelp =
    R"(shortvideo_quality --trainer PROGRAM --ranker PROGRAM (--generate VIEWS | --history FILE) [--people N] [--seed N]

  --generate   views made up by shortvideo_views' generator, of 3000 people
  --history    a file of lines: person, video, milliseconds watched, milliseconds since 1970, language; tabs between
  --people     how many to ask for (default 500), spread evenly

Prints recall@20 (hits of 20, or of all that were looked at if fewer) and nDCG@20 on the last fifth of the views, of
what a person had not seen before. Exit code 1 when the feed is not better than popularity by a tenth at least.
)";

struct View {
  std::int64_t at_ms, watched_ms;
  std::uint32_t person, video;
};
struct History {
  std::vector<View> views;                     ///< by time
  std::vector<std::string> videos, languages;  ///< names; of each person
};

History generate(std::size_t views, std::uint64_t seed) {
  shortvideo::Settings settings;
  settings.views = views;
  settings.seed = seed;
  History out;
  for (const shortvideo::View& view : shortvideo::generate_views(settings)) {
    out.views.push_back({view.at_ms, view.watched_ms, view.person, view.video});
  }
  for (std::size_t i = 0; i < settings.videos; ++i) out.videos.push_back("v" + std::to_string(i));
  out.languages.resize(settings.people);
  return out;
}

History read(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  History out;
  std::unordered_map<std::string, std::uint32_t> people, videos;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream in(line);
    std::string person, video, watched, at, language;
    std::getline(in, person, '\t'), std::getline(in, video, '\t'), std::getline(in, watched, '\t');
    std::getline(in, at, '\t'), std::getline(in, language, '\t');
    const auto [who, new_person] = people.try_emplace(person, static_cast<std::uint32_t>(people.size()));
    const auto [what, new_video] = videos.try_emplace(video, static_cast<std::uint32_t>(videos.size()));
    if (new_person) out.languages.push_back(language);
    if (new_video) out.videos.push_back(video);
    out.views.push_back({std::stoll(at), std::stoll(watched), who->second, what->second});
  }
  std::stable_sort(out.views.begin(), out.views.end(), [](auto& a, auto& b) { return a.at_ms < b.at_ms; });
  if (out.views.size() < 100) throw std::runtime_error(path + " holds too few views");
  return out;
}

/// A program that reads one file and writes another.
void run(const std::string& program, const std::string& in, const std::string& out) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::string name = program;
  char* arguments[] = {name.data(), nullptr};
  pid_t pid = 0;
  int status = 0;
  const bool started = posix_spawn(&pid, program.c_str(), &files, nullptr, arguments, nullptr) == 0;
  posix_spawn_file_actions_destroy(&files);
  if (!started || waitpid(pid, &status, 0) != pid || status != 0) throw std::runtime_error(program + " failed");
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}

/// Makes frames of views, as the trustee does.
class Frames {
 public:
  explicit Frames(const History& history)
      : history_(history),
        writer_(must(sealed::FrameWriter::create(
            {{"views", {{"video", FieldType::text}, {"watched", FieldType::duration}, {"at", FieldType::time}}},
             {"profile", {{"language", FieldType::text}}}}))) {}

  void add(std::uint32_t person, const std::vector<View>& views, std::int64_t shift_ms) {
    writer_.begin_subject();
    for (const View& view : views) {
      const Bytes video = value(FieldType::text, history_.videos[view.video]),
                  watched = value(FieldType::duration, std::to_string(view.watched_ms) + "ms"),
                  at = value(FieldType::time, to_rfc3339(view.at_ms + shift_ms));
      check(writer_.add(0, std::vector<ByteView>{video, watched, at}));
    }
    if (!history_.languages[person].empty()) {
      const Bytes language = value(FieldType::text, history_.languages[person]);
      check(writer_.add(1, std::vector<ByteView>{language}));
    }
  }
  Bytes take() {
    Bytes out;
    check(writer_.finish(out));
    return out;
  }

 private:
  static Bytes value(FieldType type, const std::string& text) { return must(disclosure::value_from_text(type, text)); }
  static void check(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().text());
  }
  const History& history_;
  sealed::FrameWriter writer_;
};

struct Score {
  double recall = 0, ndcg = 0;
  void add(const std::vector<std::uint32_t>& feed, const std::set<std::uint32_t>& wanted) {
    double hits = 0, gain = 0, ideal = 0;
    for (std::size_t i = 0; i < std::min(kFeed, wanted.size()); ++i) ideal += 1 / std::log2(static_cast<double>(i) + 2);
    for (std::size_t i = 0; i < feed.size(); ++i) {
      if (!wanted.contains(feed[i])) continue;
      ++hits;
      gain += 1 / std::log2(static_cast<double>(i) + 2);
    }
    recall += hits / static_cast<double>(std::min(kFeed, wanted.size()));
    ndcg += gain / ideal;
  }
};

std::vector<std::uint32_t> most(const std::vector<double>& counts) {
  std::vector<std::uint32_t> out(counts.size());
  for (std::uint32_t i = 0; i < out.size(); ++i) out[i] = i;
  std::stable_sort(out.begin(), out.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
  return out;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A folder that goes when it is no longer needed.
struct Folder {
  std::string path = "/tmp/shortvideo_quality.XXXXXX";
  Folder() {
    if (!mkdtemp(path.data())) throw std::runtime_error("cannot make a folder in /tmp");
  }
  ~Folder() {
    for (const char* name : {"/in", "/model", "/out"}) unlink((path + name).c_str());
    rmdir(path.c_str());
  }
};

int measure(const History& history, const std::string& trainer, const std::string& ranker, std::size_t people_max) {
  const std::size_t cut = history.views.size() * 4 / 5;
  // The modules' clock shows now; the history ends now, too.
  const auto now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const std::int64_t shift_ms = now_ms - history.views[cut].at_ms, week_ms = 7 * 86'400'000;
  std::vector<std::vector<View>> before(history.languages.size());
  std::vector<std::set<std::uint32_t>> seen(history.languages.size()), wanted(history.languages.size());
  std::vector<double> all(history.videos.size()), lately(history.videos.size());
  for (std::size_t i = 0; i < history.views.size(); ++i) {
    const View& view = history.views[i];
    if (i >= cut) {
      if (!seen[view.person].contains(view.video)) wanted[view.person].insert(view.video);
      continue;
    }
    before[view.person].push_back(view);
    seen[view.person].insert(view.video);
    ++all[view.video];
    if (view.at_ms > history.views[cut].at_ms - week_ms) ++lately[view.video];
  }

  const Folder folder;
  const std::string in = folder.path + "/in", model_path = folder.path + "/model", out = folder.path + "/out";
  Frames frames(history);
  {
    std::ofstream file(in, std::ios::binary);
    for (std::uint32_t person = 0; person < before.size(); ++person) {
      frames.add(person, before[person], shift_ms);
      if (person % 256 == 255 || person + 1 == before.size()) file << frames.take();
    }
  }
  const auto start = std::chrono::steady_clock::now();
  run(trainer, in, model_path);
  const double trained_s = seconds_since(start);
  const std::string model = content(model_path);

  std::vector<std::uint32_t> people;
  for (std::uint32_t person = 0; person < before.size(); ++person) {
    if (!before[person].empty() && !wanted[person].empty()) people.push_back(person);
  }
  const std::size_t step = std::max<std::size_t>(1, people.size() / people_max);
  const std::vector<std::uint32_t> popular = most(all), popular_lately = most(lately);
  std::unordered_map<std::string_view, std::uint32_t> index;
  for (std::uint32_t i = 0; i < history.videos.size(); ++i) index[history.videos[i]] = i;
  Score scores[3];
  double asked = 0;
  for (std::size_t i = 0; i < people.size(); i += step, ++asked) {
    const std::uint32_t person = people[i];
    frames.add(person, before[person], shift_ms);
    std::ofstream(in, std::ios::binary) << frames.take() << model;
    run(ranker, in, out);
    const std::string answer = content(out);
    const auto frame = must(sealed::read_frame(answer));
    std::vector<std::uint32_t> feed;
    for (std::size_t row = 0; row < frame.tables.at(0).rows; ++row) {
      feed.push_back(index.at(frame.tables[0].columns.at(0).bytes(row)));
      if (seen[person].contains(feed.back())) throw std::runtime_error("the feed shows what was seen");
    }
    if (feed.size() > kFeed) throw std::runtime_error("the feed is too long");
    scores[0].add(feed, wanted[person]);
    for (int k = 1; k < 3; ++k) {
      std::vector<std::uint32_t> simple;
      for (const std::uint32_t video : k == 1 ? popular : popular_lately) {
        if (simple.size() == kFeed) break;
        if (!seen[person].contains(video)) simple.push_back(video);
      }
      scores[k].add(simple, wanted[person]);
    }
  }
  std::printf("%zu views, %zu videos, %zu people; trained in %.1f s; model of %zu KiB; %.0f people asked\n",
              history.views.size(), history.videos.size(), before.size(), trained_s, model.size() / 1024, asked);
  std::printf("%-28s %9s %9s\n", "", "recall@20", "nDCG@20");
  const char* names[] = {"feed", "popularity", "popularity of the last week"};
  for (int k = 0; k < 3; ++k)
    std::printf("%-28s %9.4f %9.4f\n", names[k], scores[k].recall / asked, scores[k].ndcg / asked);
  const double best_recall = std::max(scores[1].recall, scores[2].recall);
  const double best_ndcg = std::max(scores[1].ndcg, scores[2].ndcg);
  std::printf("%-28s %8.2fx %8.2fx\n", "feed beside the better one", scores[0].recall / best_recall,
              scores[0].ndcg / best_ndcg);
  return scores[0].recall > 1.1 * best_recall && scores[0].ndcg > 1.1 * best_ndcg ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string, std::less<>> options{{"--trainer", ""}, {"--ranker", ""},    {"--generate", ""},
                                                          {"--history", ""}, {"--people", "500"}, {"--seed", "1"}};
  try {
    for (int i = 1; i < argc; i += 2) {
      const auto option = options.find(std::string_view(argv[i]));
      if (option == options.end() || i + 1 == argc) {
        std::cout << kHelp;
        return std::string_view(argv[i]) == "--help" ? 0 : 2;
      }
      option->second = argv[i + 1];
    }
    if (options["--generate"].empty() == options["--history"].empty()) throw std::runtime_error("see --help");
    const History history = options["--history"].empty()
                                ? generate(std::stoul(options["--generate"]), std::stoul(options["--seed"]))
                                : read(options["--history"]);
    return measure(history, options["--trainer"], options["--ranker"], std::max(1ul, std::stoul(options["--people"])));
  } catch (const std::exception& error) {
    std::cerr << "shortvideo_quality: " << error.what() << '\n';
    return 2;
  }
}
