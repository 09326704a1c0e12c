#include "analysis/question.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "agreement/findings.h"
#include "base/near.h"

namespace holdfast::analysis {
namespace {

/// Printable, so that an error can repeat it.
bool is_plain(char c) { return c > ' ' && c < 0x7f; }

class Words {
 public:
  explicit Words(std::string_view text) {
    while (!text.empty()) {
      const auto end = std::min(text.find(' '), text.size());
      if (end > 0) words_.push_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  bool done() const { return next_ == words_.size(); }
  std::string_view peek() const { return done() ? std::string_view() : words_[next_]; }
  std::string_view take() { return done() ? std::string_view() : words_[next_++]; }
  bool take_if(std::string_view word) {
    if (peek() != word || done()) return false;
    ++next_;
    return true;
  }
  std::size_t number() const { return next_ + 1; }

 private:
  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
};

tl::unexpected<Error> malformed(std::string what) {
  return fail(Code::invalid, "analysis.question.malformed", "",
              fmt::format("{}; the questions are:\n{}", what, kQuestionGrammar));
}

tl::unexpected<Error> expected(const Words& words, std::string_view what,
                               std::span<const std::string_view> known = {}) {
  if (words.done()) return malformed(fmt::format("the question ends where {} is expected", what));
  return malformed(fmt::format("word {}: expected {}, found {}{}", words.number(), what,
                               agreement::quoted(words.peek()), did_you_mean(words.peek(), known)));
}

Result<void> take_keyword(Words& words, std::string_view keyword) {
  if (words.take_if(keyword)) return {};
  return expected(words, fmt::format("'{}'", keyword), std::span(&keyword, 1));
}

Result<void> take_name(Words& words, std::string_view what, std::string& out) {
  if (words.done()) return expected(words, what);
  out = words.take();
  return {};
}

/// [as FORM] [by FLOW]; a form may be several words, the last before 'by' or the end.
Result<void> take_options(Words& words, bool form_too, Question& out) {
  if (form_too && words.take_if("as")) {
    while (!words.done() && words.peek() != "by") out.form += (out.form.empty() ? "" : " ") + std::string(words.take());
    if (out.form.empty()) return expected(words, "a form such as token, year or clear");
  }
  if (words.take_if("by")) HF_CHECK(take_name(words, "the name of a flow", out.flow));
  if (words.done()) return {};
  static constexpr std::array<std::string_view, 2> kOptions{"as", "by"};
  return expected(words, form_too ? "'as', 'by' or the end" : "'by' or the end", kOptions);
}

Result<void> take_category(Words& words, Question& out) {
  HF_CHECK(take_name(words, "a category such as user.contact", out.category));
  return take_options(words, true, out);
}

Result<Question> parse_what(Words& words) {
  Question out;
  if (words.take_if("if")) {
    out.kind = Question::Kind::what_if;
    HF_CHECK(take_name(words, "the name of a flow", out.flow));
    HF_CHECK(take_keyword(words, "were"));
    HF_CHECK(take_keyword(words, "removed"));
    if (!words.done()) return expected(words, "the end");
    return out;
  }
  static constexpr std::array<std::string_view, 2> kNext{"can", "if"};
  if (!words.take_if("can")) return expected(words, "'can' or 'if'", kNext);
  out.kind = Question::Kind::what;
  HF_CHECK(take_name(words, "a party or a country", out.who));
  HF_CHECK(take_keyword(words, "learn"));
  HF_CHECK(take_options(words, false, out));
  return out;
}

Result<Question> parse_why(Words& words) {
  Question out;
  out.kind = Question::Kind::why;
  HF_CHECK(take_keyword(words, "can"));
  HF_CHECK(take_name(words, "a party or a country", out.who));
  if (words.take_if("not")) out.kind = Question::Kind::why_not;
  HF_CHECK(take_keyword(words, "learn"));
  HF_CHECK(take_category(words, out));
  return out;
}

}  // namespace

Result<Question> parse_question(std::string_view text) {
  if (text.size() > kQuestionBytesMax)
    return malformed(fmt::format("a question has at most {} bytes", kQuestionBytesMax));
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.ends_with('?')) text.remove_suffix(1);
  if (!std::ranges::all_of(text, [](char c) { return c == ' ' || is_plain(c); })) {
    return malformed("a question is made of plain letters, digits and signs");
  }
  Words words(text);
  Question out;
  if (words.take_if("can")) {
    HF_CHECK(take_name(words, "a party or a country", out.who));
    HF_CHECK(take_keyword(words, "learn"));
    HF_CHECK(take_category(words, out));
    return out;
  }
  if (words.take_if("who")) {
    out.kind = Question::Kind::who;
    HF_CHECK(take_keyword(words, "can"));
    HF_CHECK(take_keyword(words, "learn"));
    HF_CHECK(take_category(words, out));
    return out;
  }
  if (words.take_if("what")) return parse_what(words);
  if (words.take_if("why")) return parse_why(words);
  static constexpr std::array<std::string_view, 4> kFirst{"can", "who", "what", "why"};
  return expected(words, "'can', 'who', 'what' or 'why'", kFirst);
}

}  // namespace holdfast::analysis
