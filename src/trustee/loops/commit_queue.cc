#include "trustee/loops/commit_queue.h"

#include <algorithm>
#include <utility>

namespace holdfast::trustee {

CommitQueue::CommitQueue(vault::Vault& vault) : vault_(vault), thread_([this] { run(); }) {}

CommitQueue::~CommitQueue() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void CommitQueue::append(Commit* chain, CommitReturns& back) {
  Commit* last = nullptr;
  for (Commit* commit = chain; commit; commit = commit->next) commit->back = &back, last = commit;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = !first_;
    (first ? first_ : last_->next) = chain;
    last_ = last;
  }
  if (first) wake_.notify_one();  // behind others it is found with them
}

void CommitQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || first_; });
    if (!first_) return;
    Commit* const chain = std::exchange(first_, nullptr);
    lock.unlock();
    commit(chain);
    lock.lock();
  }
}

void CommitQueue::commit(Commit* chain) {
  std::vector<vault::Draft> drafts;
  for (Commit* each = chain; each; each = each->next) drafts.push_back(std::move(*each->draft));
  auto results = vault_.commit(std::move(drafts));
  auto result = results.begin();
  for (Commit* each = chain; each; each = each->next) each->result = std::move(*result++);
  // What one caller appended lies together.
  while (chain) {
    Commit *const mine = chain, *last = chain;
    while (last->next && last->next->back == mine->back) last = last->next;
    chain = std::exchange(last->next, nullptr);
    mine->back->take_back(mine);
  }
}

}  // namespace holdfast::trustee
