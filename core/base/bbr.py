"""BBR: send at the measured bottleneck rate instead of filling queues until something is dropped.

Follows the published model (draft-cardwell-iccrg-bbr-congestion-control): bandwidth is the largest
delivery rate of the last ten round trips, propagation delay the min RTT of the last
ten seconds, the window two products of both. Tunnels drop packets at random, so loss alone is no
signal. Changes against the model, each for a property of paths through tunnels:

* acks come in bursts (they are batched by the receiver and at every hop): the largest burst beyond
  the measured rate is added to the window, else a low measured delay would starve the stream;
* with random loss the probing gain is raised by the loss rate, else it could not grow at 20 %;
* a round that loses more than ``LOSS_EXCESSIVE`` of its packets caps the window at what got
  through; the cap grows back by a twentieth per round, or at once if they were not lost;
* a start that ended in such a round begins anew after some rounds without loss, as long as each
  ends with a higher rate: a burst of losses in the first seconds is not what the path carries;
* beyond ``WINDOW_TRUSTED`` the cap grows only while each step made the path faster and next to
  nothing is lost;
* after several timeouts in a row nothing of what was measured holds: the start begins anew. Probes
  answered one by one over seconds would else be taken for the rate of the path, for good;
* delays vary widely, since each hop repairs its own losses: while the rate is not known, the window
  grows by the usual delay instead of the smallest, and leaves within half a round trip;
* the delay probe drains to half a window, not to four packets.
"""

from __future__ import annotations

from collections import deque

from core.base.congestion import WINDOW_MIN, AckSample

STARTUP_GAIN = 2.885
#: windows for each round trip, at least, until the pipe is full
STARTUP_PACE = 2.0
WINDOW_GAIN = 2.0
CYCLE = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
BANDWIDTH_ROUNDS = 10
DELAY_WINDOW_S = 10.0
DELAY_PROBE_S = 0.2
FULL_PIPE_GROWTH = 1.25
FULL_PIPE_ROUNDS = 3
LOSS_EXCESSIVE = 0.35
#: packets under way that need no proof; the steps beyond, how much faster the path must have become
#: with the last one, and the share of packets lost that takes one back
WINDOW_TRUSTED = 512.0
WINDOW_STEP = 1.25
STEP_GAIN = 1.1
STEP_LOSS = 0.02
#: rounds that lose next to nothing before a start that losses ended begins anew, more gently
RESTART_ROUNDS = 4
RESTART_GAIN = 2.0
#: rounds in which packets taken for lost may turn up
DOUBT_ROUNDS = 4
#: rounds an aggregation estimate lasts (at least half of this)
EXTRA_ROUNDS = 10

_STARTUP, _DRAIN, _PROBE_BANDWIDTH, _PROBE_DELAY = range(4)


class Bbr:
    """See the module. ``rtt_s`` and ``window_initial`` may come from an earlier stream.

    ``window_min``: what the window never falls below, but after timeouts.
    """

    def __init__(
        self,
        window_initial: float,
        window_max: int,
        rtt_s: float = 0.0,
        window_min: float = WINDOW_MIN,
    ) -> None:
        self.window = float(window_initial)
        self._window_min = window_min
        self.pacing_rate = STARTUP_GAIN * window_initial / rtt_s if rtt_s else 0.0
        self._window_initial = float(window_initial)
        self._window_max = float(window_max)
        self._mode = _STARTUP
        self._pacing_gain = STARTUP_GAIN
        self._window_gain = STARTUP_GAIN
        self._rates: deque[tuple[int, float]] = deque()
        self.bandwidth = 0.0
        self._delay = rtt_s
        self._delay_at = 0.0
        self._usual_delay = rtt_s
        self._round = 0
        self._round_end = 0
        self._is_round_start = False
        self._full_bandwidth = 0.0
        self._full_rounds = 0
        self._is_pipe_full = False
        self._cycle_index = 0
        self._cycle_at = 0.0
        self._probe_until = 0.0
        self._window_saved = 0.0
        self._round_acked = 0
        self._round_lost = 0
        self._loss_rate = 0.0
        self._cap = self._trusted
        self._cap_bandwidth = 0.0
        self._is_start_cut = False
        self._clean_rounds = 0
        self._cut_bandwidth = 0.0
        #: what a cap for losses replaced, how many packets were lost of how many, until which round
        self._uncapped = (0.0, False)
        self._doubted_lost = self._doubted_total = 0
        self._doubt_until = 0
        self._epoch_at = 0.0
        self._epoch_acked = 0.0
        self._extra = [0.0, 0.0]
        self._extra_round = 0

    def on_ack(self, sample: AckSample) -> None:
        """As :meth:`CongestionController.on_ack`."""
        if sample.is_app_limited and self._is_queue_built(sample):
            sample.is_app_limited = False
        self._update_round(sample)
        self._update_bandwidth(sample)
        self._update_extra(sample)
        if self._is_round_start:
            self._update_full_pipe(sample)
        product = self.bandwidth * self._delay
        if self._mode == _STARTUP and self._is_pipe_full:
            self._enter(_DRAIN, 1 / STARTUP_GAIN, STARTUP_GAIN)
        if self._mode == _DRAIN and sample.in_flight <= product:
            self._enter_probe_bandwidth(sample.now)
        if self._mode == _PROBE_BANDWIDTH:
            self._update_cycle(sample, product)
        self._update_delay(sample)
        self._set_rate(sample)
        self._set_window(sample)

    def _update_round(self, sample: AckSample) -> None:
        self._is_round_start = sample.delivered_before >= self._round_end
        if self._is_round_start:
            self._round_end = sample.delivered
            self._round += 1
            total = self._round_acked + self._round_lost
            if total >= 8:
                loss = self._round_lost / total
                self._loss_rate += (loss - self._loss_rate) * 0.2
                if loss > LOSS_EXCESSIVE:
                    self._cut(loss, total)
                else:
                    self._move_cap(loss)
                self._clean_rounds = self._clean_rounds + 1 if loss < STEP_LOSS else 0
                if (
                    self._is_start_cut
                    and self._clean_rounds >= RESTART_ROUNDS
                    and self._mode == _PROBE_BANDWIDTH
                ):
                    self._cap = max(self._cap, self._trusted)
                    self._start_again(RESTART_GAIN)
                self._round_acked = self._round_lost = 0
        self._round_acked += sample.acked
        self._round_lost += sample.lost

    def _cut(self, loss: float, total: int) -> None:
        if self._round > self._doubt_until:
            self._uncapped = (self._cap, self._is_pipe_full)
            self._doubted_lost = self._doubted_total = 0
        self._doubted_lost += self._round_lost
        self._doubted_total += total
        self._doubt_until = self._round + DOUBT_ROUNDS
        self._cap = max(self._window_min, min(self._cap, self.window) * (1 - loss / 2))
        if not self._is_pipe_full:
            self._is_pipe_full = True
            self._is_start_cut = self.bandwidth > FULL_PIPE_GROWTH * self._cut_bandwidth
            self._cut_bandwidth = self.bandwidth

    def _start_again(self, gain: float) -> None:
        self._is_start_cut = self._is_pipe_full = False
        self._full_bandwidth = 0.0
        self._full_rounds = 0
        self._enter(_STARTUP, gain, gain)

    @property
    def _trusted(self) -> float:
        return min(WINDOW_TRUSTED, self._window_max)

    def _move_cap(self, loss: float) -> None:
        trusted = self._trusted
        if self._cap < trusted:
            self._cap = min(self._cap * 1.05 + 1, trusted)
        elif loss >= STEP_LOSS:
            self._cap = max(self._cap / WINDOW_STEP, trusted)
            self._cap_bandwidth = 0.0
        elif self.window >= self._cap and self.bandwidth > STEP_GAIN * self._cap_bandwidth:
            self._cap = min(self._cap * WINDOW_STEP, self._window_max)
            self._cap_bandwidth = self.bandwidth

    def _update_bandwidth(self, sample: AckSample) -> None:
        rate = sample.rate
        if not rate or (sample.is_app_limited and rate < self.bandwidth):
            return
        rates = self._rates
        while rates and rates[-1][1] <= rate:
            rates.pop()
        rates.append((self._round, rate))
        while rates[0][0] < self._round - BANDWIDTH_ROUNDS:
            rates.popleft()
        self.bandwidth = rates[0][1]

    def _update_extra(self, sample: AckSample) -> None:
        """How much more than the measured rate arrived in one burst of acks."""
        expected = self.bandwidth * (sample.now - self._epoch_at)
        if self._epoch_acked <= expected:
            self._epoch_at = sample.now
            self._epoch_acked = 0.0
            expected = 0.0
        self._epoch_acked += sample.acked
        extra = min(self._epoch_acked - expected, self.window)
        if self._round - self._extra_round >= EXTRA_ROUNDS // 2:
            self._extra_round = self._round
            self._extra = [0.0, self._extra[0]]
        if extra > self._extra[0]:
            self._extra[0] = extra

    def _update_full_pipe(self, sample: AckSample) -> None:
        if self._is_pipe_full or sample.is_app_limited:
            return
        if self.bandwidth >= self._full_bandwidth * FULL_PIPE_GROWTH:
            self._full_bandwidth = self.bandwidth
            self._full_rounds = 0
            return
        self._full_rounds += 1
        self._is_pipe_full = self._full_rounds >= FULL_PIPE_ROUNDS

    def _is_queue_built(self, sample: AckSample) -> bool:
        """So much is in flight that the path must be what limits the rate, whatever else does."""
        return sample.in_flight > WINDOW_GAIN * self.bandwidth * self._delay

    def _enter(self, mode: int, pacing_gain: float, window_gain: float) -> None:
        self._mode = mode
        self._pacing_gain = pacing_gain
        self._window_gain = window_gain

    def _enter_probe_bandwidth(self, now: float) -> None:
        # Start anywhere but in the draining phase; a fixed choice keeps runs reproducible.
        self._cycle_index = 2 + self._round % 6
        self._cycle_at = now
        self._enter(_PROBE_BANDWIDTH, 1.0, WINDOW_GAIN)

    def _update_cycle(self, sample: AckSample, product: float) -> None:
        elapsed = sample.now - self._cycle_at > self._delay
        gain = self._pacing_gain
        if gain > 1:
            done = elapsed and (
                sample.in_flight >= gain * product or sample.lost or sample.is_app_limited
            )
        elif gain < 1:
            done = elapsed or sample.in_flight <= product
        else:
            done = elapsed
        if done:
            self._cycle_index = (self._cycle_index + 1) % len(CYCLE)
            self._cycle_at = sample.now
            self._pacing_gain = CYCLE[self._cycle_index]
            if self._pacing_gain > 1:
                self._pacing_gain /= 1 - min(self._loss_rate, 0.3)

    def _update_delay(self, sample: AckSample) -> None:
        now = sample.now
        if sample.rtt_s:
            usual = self._usual_delay or sample.rtt_s
            self._usual_delay = usual + (sample.rtt_s - usual) / 8
        is_stale = self._delay_at > 0 and now > self._delay_at + DELAY_WINDOW_S
        if sample.rtt_s and (sample.rtt_s <= self._delay or not self._delay_at or is_stale):
            self._delay = sample.rtt_s
            self._delay_at = now
        if is_stale and self._mode != _PROBE_DELAY:
            self._window_saved = max(self._window_saved, self.window)
            self._enter(_PROBE_DELAY, 1.0, 0.5)
            self._probe_until = 0.0
        if self._mode != _PROBE_DELAY:
            return
        if not self._probe_until:
            if sample.in_flight <= max(self._window_min, 0.5 * self.bandwidth * self._delay) + 1:
                self._probe_until = now + DELAY_PROBE_S
        elif now >= self._probe_until:
            self._delay_at = now
            self.window = max(self.window, self._window_saved)
            self._window_saved = 0.0
            if self._is_pipe_full:
                self._enter_probe_bandwidth(now)
            else:
                self._enter(_STARTUP, STARTUP_GAIN, STARTUP_GAIN)

    def _set_rate(self, sample: AckSample) -> None:
        rate = self._pacing_gain * self.bandwidth
        if self._usual_delay:
            pace, window = 1.0, self._window_min
            if self._mode == _STARTUP:
                pace, window = STARTUP_PACE, self.window
            rate = max(rate, pace * window / self._usual_delay)
        if self._is_pipe_full or rate > self.pacing_rate:
            self.pacing_rate = rate

    def _set_window(self, sample: AckSample) -> None:
        product = self.bandwidth * self._delay
        limit = min(self._window_max, self._cap)
        if self._mode == _PROBE_DELAY:
            self.window = max(self._window_min, min(self.window, 0.5 * product, limit))
            return
        if self._mode == _STARTUP:
            product = self.bandwidth * max(self._delay, self._usual_delay)
        target = self._window_gain * product
        if self._is_pipe_full:
            target += max(self._extra)
            self.window = min(self.window + sample.acked, target)
        elif self.window < target or sample.delivered < self._window_initial:
            self.window += sample.acked
        self.window = max(self._window_min, min(self.window, limit))

    def on_timeout(self, now: float) -> None:
        """The path may be another one: measure it anew, from the smallest window."""
        self.window = WINDOW_MIN
        self._window_saved = 0.0
        self._rates.clear()
        self.bandwidth = 0.0
        self._extra = [0.0, 0.0]
        self._cap = min(self._cap, WINDOW_TRUSTED)
        self._cap_bandwidth = 0.0
        self._delay_at = 0.0
        self.pacing_rate = (
            STARTUP_GAIN * WINDOW_MIN / self._usual_delay if self._usual_delay else 0.0
        )
        self._start_again(STARTUP_GAIN)

    def on_spurious_loss(self, count: int) -> None:
        """Take back what such losses did to the window."""
        self._round_lost = max(0, self._round_lost - count)
        if self._round <= self._doubt_until:
            self._doubted_lost -= count
            if self._doubted_lost <= LOSS_EXCESSIVE * self._doubted_total:
                self._doubt_until = 0
                cap, self._is_pipe_full = self._uncapped
                self._is_start_cut = False
                self._cap = max(self._cap, cap)
                if not self._is_pipe_full and self._mode != _PROBE_DELAY:
                    self._enter(_STARTUP, STARTUP_GAIN, STARTUP_GAIN)

    def limit(self, window_max: int) -> None:
        """As :meth:`CongestionController.limit`."""
        self._window_max = max(float(window_max), self._window_min)
        self.window = min(self.window, self._window_max)
