#include "trustee/modules/synthetic.h"

#include <gtest/gtest.h>

#include "agreement/agreement.h"
#include "sealed/formats/records.h"

namespace holdfast::trustee {
namespace {

agreement::PlanPtr plan() {
  std::string text = "holdfast: 1\nagreement: test\nversion: 1\nsubjects: {country: US, served-by: [app]}\nparties:\n";
  for (const auto& [name, role] : {std::pair{"acme", "operator"}, {"oak", "trustee"}, {"treasury", "overseer"}}) {
    const auto key = SigningKey::from_seed(name, std::string(32, name[0]));
    text += std::string("  ") + name + ": {role: " + role + ", country: US, key: " + key->verifier().text() + "}\n";
  }
  text += "  app: {role: recipient, country: US, operated-by: oak}\ncollections:\n";
  for (const auto& [name, key] : {std::pair{"profile", ""}, {"events", "    key: event\n"}}) {
    text += std::string("  ") + name + ":\n    from: [app]\n" + key + "    keep: 5y\n    fields:\n";
    for (const auto& [field, type] : {std::pair{"a", "text"},
                                      {"b", "integer"},
                                      {"c", "decimal"},
                                      {"d", "boolean"},
                                      {"e", "date"},
                                      {"f", "time"},
                                      {"g", "duration"},
                                      {"h", "bytes"},
                                      {"i", "list of text"}}) {
      text += std::string("      ") + field + ": {type: " + type + ", category: user.behavior}\n";
    }
  }
  text +=
      "flows:\n  feed:\n    to: subject via app\n    use: personalize.content\n    run: ranker\n    output: 16KiB\n"
      "    reads: {profile: [a, b, c, d, e, f, g, h, i], events: [i, h, g, f, e, d, c, b, a]}\n"
      "changes:\n  agreement: {signed-by: [operator, trustee, overseer]}\n";
  auto out = agreement::compile(text);
  EXPECT_TRUE(out) << out.error().text();
  return *out;
}

TEST(Synthetic, MakesFramesOfTheShapeThatTheFlowReads) {
  const agreement::PlanPtr agreed = plan();
  const agreement::Flow& flow = agreed->flows.front();
  for (const auto& [subjects, rows] : {std::pair{1u, 0u}, {1u, 1u}, {1u, 1000u}, {4u, 50u}}) {
    const auto bytes = synthetic_frame(*agreed, flow, subjects, rows);
    ASSERT_TRUE(bytes) << bytes.error().text();
    EXPECT_EQ(*synthetic_frame(*agreed, flow, subjects, rows), *bytes);
    const auto frame = sealed::read_frame(*bytes);
    ASSERT_TRUE(frame) << frame.error().text();
    EXPECT_EQ(frame->subjects, subjects);
    ASSERT_EQ(frame->tables.size(), 2u);
    EXPECT_EQ(frame->tables[0].rows, rows > 0 ? subjects : 0u);  // one record each
    EXPECT_EQ(frame->tables[1].rows, std::size_t{subjects} * rows);
    EXPECT_EQ(frame->tables[1].columns.size(), 9u);
    EXPECT_EQ(frame->tables[1].columns[0].type(), agreement::FieldType::text_list);
  }
}

TEST(Synthetic, HasGapsAndTextsInSeveralScripts) {
  const agreement::PlanPtr agreed = plan();
  const Bytes bytes = *synthetic_frame(*agreed, agreed->flows.front(), 1, 1000);
  const auto frame = sealed::read_frame(bytes);
  ASSERT_TRUE(frame);
  const sealed::ColumnView& text = frame->tables[1].columns[8];
  std::size_t gaps = 0, chinese = 0;
  for (std::size_t row = 0; row < 1000; ++row) {
    gaps += !text.present(row);
    chinese += text.bytes(row) == "王小明";
  }
  EXPECT_GT(gaps, 20u);
  EXPECT_GT(chinese, 5u);
}

}  // namespace
}  // namespace holdfast::trustee
