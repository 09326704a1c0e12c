#include "trustee/commit_queue.h"

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

void CommitQueue::commit(vault::Draft draft, Done done) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = drafts_.empty();
    drafts_.push_back(std::move(draft));
    dones_.push_back(std::move(done));
  }
  if (first) wake_.notify_one();  // behind others it is found with them
}

void CommitQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !drafts_.empty(); });
    if (drafts_.empty()) return;
    std::vector<vault::Draft> drafts;
    std::vector<Done> dones;
    drafts.swap(drafts_);
    dones.swap(dones_);
    lock.unlock();
    auto results = vault_.commit(std::move(drafts));
    for (std::size_t i = 0; i < dones.size(); ++i) dones[i](std::move(results[i]));
    lock.lock();
  }
}

}  // namespace holdfast::trustee
