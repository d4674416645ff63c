"""Faults of the mathematics, each to be planted alone (`tests/mutants.py`): no test suite may overlook one.

To add one: a name that says what would be wrong, the file, a piece of its text that occurs once, what
replaces it, and the tests that are most likely to notice.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutation:
    """One fault: `old` in `file` becomes `new`; `tests` are met by it first."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def planted(self, checkout: Path) -> str:
        """The file's text with the fault; ValueError unless `old` is there exactly once."""
        text = (checkout / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: {self.file} holds {self.old!r} {text.count(self.old)} times, not once"
            )
        return text.replace(self.old, self.new)


def _in(file: str, tests: tuple[str, ...], **changes: tuple[str, str]) -> list[Mutation]:
    """Mutations of one file, named FILE: WHAT."""
    stem = file.removeprefix("jaxgame/").removesuffix(".py")
    return [
        Mutation(f"{stem}: {name.replace('_', ' ')}", file, old, new, tuple(map(_node, tests)))
        for name, (old, new) in changes.items()
    ]


def _node(test: str) -> str:
    """FILE or FILE::TEST as pytest knows it; a file's slower tests need not be met by every fault."""
    file, _, name = test.partition("::")
    return f"tests/{file}.py" + f"::{name}" * bool(name)


CENSUS = "test_census::test_programs"
COARSE = "test_a_coarse_grid_widens_the_bracket_and_makes_it_no_less_true"
FAR = "test_census::test_programs_far_from_zero"

MUTATIONS = (
    *_in(
        "jaxgame/core/units.py",
        (
            "test_units::test_standard_games_are_the_same_game",
            CENSUS,
            FAR,
            "test_units::test_conversations_of_the_follower",
            "test_not_a_number",
        ),
        base_of_another_action=(
            "best, least = follower.max(2, keepdims=True), ",
            "best, least = follower.min(2, keepdims=True), ",
        ),
        rounding_of_the_base_forgotten=("(parts.size + 2) * eps * jnp.abs(parts).sum()", "0.0 * parts.sum()"),
        ends_moved_inwards=(
            "            lower + self.base - self._rounded(lower),\n            upper + self.base + self._rounded(upper),",
            "            lower + self.base + self._rounded(lower),\n            upper + self.base - self._rounded(upper),",
        ),
        unit_not_weighed=("stake = (prior * loss.max(2)).sum()", "stake = loss.max(2).max()"),
        rationality_in_the_wrong_unit=(
            "return jnp.asarray(rationality, self.loss.dtype) * self.follower.unit",
            "return jnp.asarray(rationality, self.loss.dtype) / self.follower.unit",
        ),
        what_is_no_number_is_sound=(
            "return functools.reduce(jnp.logical_and, found, jnp.asarray(True))",
            "return jnp.asarray(True)",
        ),
    ),
    *_in(
        "jaxgame/persuasion/bounds.py",
        ("test_persuasion", CENSUS, "test_certificates", "test_leader", "test_frontier"),
        bound_without_price_times_budget=(
            "        spent = price * budget\n",
            "        spent = 0.0 * price * budget\n",
        ),
        bound_without_the_price_of_losses=(
            "_height(program, program.gain + rows - paid, sizes)",
            "_height(program, program.gain + rows, sizes)",
        ),
        bound_with_obedience_reversed=(
            "_height(program, program.gain + rows - paid, sizes)",
            "_height(program, program.gain - rows - paid, sizes)",
        ),
        bound_without_rounding=(
            "(weighed + rounding_of(program) * (program.size[:, None] + sizes)).max(1).sum(0)",
            "weighed.max(1).sum(0) + 0.0 * sizes.sum()",
        ),
        steepest_exchange_becomes_the_flattest=(
            "divided(rise, program.loss, exchange).max((0, 1))",
            "divided(rise, program.loss, exchange, jnp.inf).min((0, 1))",
        ),
        negative_multipliers_count=(
            "jnp.where(jnp.isfinite(x), jnp.maximum(x, 0.0), 0.0)",
            "jnp.where(jnp.isfinite(x), x, 0.0)",
        ),
        multipliers_that_are_no_numbers_count=(
            "jnp.where(jnp.isfinite(x), jnp.maximum(x, 0.0), 0.0)",
            "jnp.maximum(x, 0.0)",
        ),
        lower_end_without_rounding=(
            "    attained = kept * vertex.gained + reveal * full - rounding * size\n",
            "    attained = kept * vertex.gained + reveal * full\n",
        ),
        the_budget_is_not_kept=("jnp.where(vertex.lost > budget,", "jnp.where(vertex.lost > budget + 0.1,"),
        products_that_overflow_count=("jnp.where(jnp.isnan(height), jnp.inf, height)", "height"),
        vertices_mixed_the_wrong_way=(
            "    return (1.0 - share) * x + share * y\n",
            "    return share * x + (1.0 - share) * y\n",
        ),
        what_is_missed_is_free=(
            "jnp.where(dual.plain, 0.0, kept * vertex.owed)",
            "jnp.where(dual.plain, 0.0, 0.0 * vertex.owed)",
        ),
        outcomes_that_disobey_count=(
            "usable = ~obeyed.missed().any((0, 1)) & ",
            "usable = (obeyed.kept >= 0).all((0, 1)) & ",
        ),
        hopeless_thresholds_are_feasible=(
            "    feasible = budget >= -FEASIBILITY\n",
            "    feasible = budget >= -1.0\n",
        ),
    ),
    *_in(
        "jaxgame/persuasion/repair.py",
        ("test_persuasion", CENSUS, "test_certificates", "test_leader"),
        obedience_is_not_repaired=("p * less))", "p))"),
        ties_may_be_broken_for_free=(
            "self.kept + jnp.minimum(OBEYED, LIKELY * self.broken)",
            "self.kept + OBEYED",
        ),
        nothing_is_handed_back=("p * (1.0 - back)[None]", "p + 0.0 * back.sum()"),
    ),
    *_in(
        "jaxgame/persuasion/walk.py",
        ("test_leader", "test_frontier"),
        multipliers_of_the_next_edge=(
            "edge = walk._replace(price=jnp.where(entering.content, 0.0, price))",
            "edge = walk._replace(price=0.5 * price)",
        ),
    ),
    *_in(
        "jaxgame/persuasion/lanes.py",
        ("test_persuasion", CENSUS, "test_leader"),
        obedience_against_the_recommended=(
            "gap = follower[t][:, maps[:, t], None] - follower[t][:, others[:, t]]",
            "gap = follower[t][:, others[:, t]] - follower[t][:, maps[:, t], None]",
        ),
        obedience_without_the_prior=(
            "obedience.append(mass[:, None] * gap)",
            "obedience.append(gap + 0.0 * mass[:, None])",
        ),
        losses_without_the_prior=(
            "losses.append(mass * (best[t]",
            "losses.append((0.0 * mass + 1.0) * (best[t]",
        ),
        ties_against_the_leader=(
            "jnp.where(tied, leader, -jnp.inf), 2)",
            "jnp.where(tied, -leader, -jnp.inf), 2)",
        ),
        wide_brackets_are_converged=("WIDTH = 1e-9", "WIDTH = 1e-2"),
        crossed_brackets_are_narrow=("    width = jnp.where(width >= 0, width, jnp.inf)\n", ""),
    ),
    *_in(
        "jaxgame/persuasion/value.py",
        (CENSUS, FAR, "test_leader", "test_units::test_a_threshold_of_full_information_is_met_in_any_units"),
        thresholds_above_all_are_met=(
            "above = worth > FEASIBILITY * units.stake + doubt",
            "above = worth > 1e-3 * units.stake + doubt",
        ),
        rounding_of_the_threshold_forgotten=(
            "solved.upper + (1 + doubt) * solved.price * doubt",
            "solved.upper",
        ),
        multipliers_in_the_wrong_unit=("solved.price * (theirs / hers)", "solved.price * (hers / theirs)"),
        threshold_ignored=(
            "    return jnp.where(above, -worth, jnp.maximum(-worth, 0.0)), doubt",
            "    return jnp.where(above, -worth, jnp.maximum(-worth, 0.0) + 0.01), doubt",
        ),
        slope_of_the_wrong_sign=("+ price * (full - threshold)", "- price * (full - threshold)"),
    ),
    *_in(
        "jaxgame/persuasion/frontier.py",
        ("test_frontier", "test_units::test_values_and_best_responses", "test_selection"),
        upper_end_of_the_highest_line=("- rounded, lines.min())", "- rounded, lines.max())"),
        share_of_the_wrong_kink=(
            "return Bracket((1 - share) * low + share * high - rounded",
            "return Bracket(share * low + (1 - share) * high - rounded",
        ),
        ties_of_full_information_against_the_leader=(
            "jnp.where(loss == 0, utility, -jnp.inf).argmax(2)",
            "jnp.where(loss == 0, -utility, -jnp.inf).argmax(2)",
        ),
        everything_is_nothing=(
            "most = (game.prior * utility.max(2)).sum()",
            "most = (game.prior * utility.min(2)).sum()",
        ),
    ),
    *_in(
        "jaxgame/hull/distance.py",
        ("test_hull", "test_census::test_hulls", "test_certificates", "test_units::test_hull_distances"),
        upper_end_of_unusable_weights=("    upper = jnp.where(usable, upper, jnp.inf)\n", ""),
        upper_end_without_rounding=(
            "    upper = upper + mass * (summed * size + (summed + miss * (1 + miss)) * (weights @ sizes))\n",
            "    upper = upper + miss * (1 + miss) * (weights @ sizes)\n",
        ),
        weights_that_miss_their_sum=("(summed + miss * (1 + miss))", "summed"),
        lower_end_without_rounding=("simplex=simplex, rounding=off)", "simplex=simplex, rounding=0.0)"),
        weights_in_the_wrong_unit=("    weights = weights * (size / sizes)\n", ""),
        offset_forgotten=("offset=size * shifts + (hers[:, 0] - theirs @ weights)", "offset=size * shifts"),
        distances_in_the_wrong_unit=(
            "Bracket(size * distance.lower, size * distance.upper)",
            "Bracket(distance.lower, distance.upper)",
        ),
    ),
    *_in(
        "jaxgame/core/cone.py",
        ("test_cone", "test_hull"),
        cone_without_its_charge=(
            "return xp.maximum(value - CONE_REACH * size * excess, 0.0)",
            "return xp.maximum(value, 0.0 * excess)",
        ),
    ),
    *_in(
        "jaxgame/hull/measures.py",
        ("test_hull",),
        the_whole_range=(
            "return ((top - bottom) / 2).max(), (top + bottom) / 2",
            "return (top - bottom).max(), (top + bottom) / 2",
        ),
        the_least_excluded_leader=(
            "return jnp.maximum(value - scores.max(), 0.0)",
            "return jnp.maximum(value - scores.min(), 0.0)",
        ),
        measures_of_any_mass=("divided(centred, mass, usable)", "divided(centred, 1.0, usable)"),
    ),
    *_in(
        "jaxgame/hull/measures.py",
        ("test_average",),
        groups_weigh_alike=("return prior @ (top - bottom)", "return (top - bottom).mean()"),
        masses_beyond_the_prior=("divided(prior, mass, mass > 0)", "divided(2 * prior, mass, mass > 0)"),
        one_sign_only=(
            "mass = groups.T @ jnp.abs(centred) / 2",
            "mass = groups.T @ jnp.maximum(centred, 0) / 2",
        ),
    ),
    *_in(
        "jaxgame/hull/average.py",
        ("test_average",),
        errors_below_are_free=(
            "cost = jnp.concatenate([jnp.zeros(leaders, prior.dtype), prior, prior])",
            "cost = jnp.concatenate([jnp.zeros(leaders, prior.dtype), prior, 0 * prior])",
        ),
        the_measure_points_one_way=("pushed = above - below", "pushed = above"),
        probabilities_do_not_count=("prior, prior])", "0 * prior + 1, 0 * prior + 1])"),
    ),
    *_in(
        "jaxgame/theorems/guarantee.py",
        ("test_theorems",),
        average_alignment_counts_twice=(
            "by_mean = allowed(1.0, fits.mean, fits.mean_cone)",
            "by_mean = allowed(2.0, fits.mean, fits.mean_cone)",
        ),
        the_sharper_verdict_is_the_other_one=(
            "mean_holds=verdict(slack(by_mean), tolerance * stake)",
            "mean_holds=verdict(slack(by_eps), tolerance * stake)",
        ),
        slack_of_the_first_leader_for_all=(
            "gained = jnp.where(fit.weights > 0, fit.weights * gain, 0.0)",
            "gained = jnp.where(fit.weights > 0, fit.weights * gain.reshape(-1)[0], 0.0)",
        ),
    ),
    *_in(
        "jaxgame/hull/exchange.py",
        ("test_hull",),
        measures_point_the_other_way=("    return -measure[:rows]\n", "    return measure[:rows]\n"),
        entries_below_never_block=(
            "rate = jnp.concatenate([fall + along[:rows], fall - along[:rows], -along[rows + 1 :]])",
            "rate = jnp.concatenate([fall + along[:rows], 0 * along[:rows], -along[rows + 1 :]])",
        ),
        weights_fall_below_zero=(
            "rate = jnp.concatenate([fall + along[:rows], fall - along[:rows], -along[rows + 1 :]])",
            "rate = jnp.concatenate([fall + along[:rows], fall - along[:rows], 0 * along[rows + 1 :]])",
        ),
        shifts_move_one_way=(
            "gain = jnp.where(vertex.tight >= 2 * rows + leaders, -jnp.abs(cost), cost)",
            "pass",
        ),
    ),
    *_in(
        "jaxgame/hull/least_squares.py",
        ("test_hull",),
        weights_in_use_never_leave=(
            "bend = jnp.where(own, along, jnp.where(state.used, -along, 0.0))",
            "bend = jnp.where(own, along, 0.0)",
        ),
        slopes_are_ignored=(
            "slope = jnp.where(falls, state.values, 0.0)",
            "slope = jnp.where(falls, -state.values, 0.0)",
        ),
    ),
    *_in(
        "jaxgame/lp/linear.py",
        ("test_lp",),
        upper_end_of_what_is_not_feasible=(
            "    upper = jnp.where(residual <= RESIDUAL, upper, jnp.inf)\n",
            "",
        ),
        rounding_is_forgotten=(
            "unit = 0.51 * float(jnp.finfo(cost.dtype).eps)",
            "unit = 0.0 * float(jnp.finfo(cost.dtype).eps)",
        ),
        reduced_costs_below_zero=("lower = value - blur - charge - blur_of_sums", "lower = value - blur"),
        any_vector_is_farkass=(
            "farkas = value - blur > (1 + 4 * along_row) * _charged(pull + rounded, most)",
            "farkas = value < jnp.inf",
        ),
        any_ray_is_one=(
            "(residual <= RESIDUAL) & (drift <= RESIDUAL) & falls",
            "(residual <= RESIDUAL) & (drift <= jnp.inf)",
        ),
        derivatives_of_rows_forgotten=(
            "d_value = d_c @ x + y @ (d_right - d_matrix @ x)",
            "d_value = d_c @ x + y @ d_right",
        ),
    ),
    *_in(
        "jaxgame/lp/simplex.py",
        ("test_lp",),
        slacks_of_equations_come_back=(
            "eligible = in_row | (basis.variable < columns + inequalities)",
            "eligible = in_row | (basis.variable >= 0)",
        ),
        contradictions_are_skipped=(" & (jnp.abs(pick(stays, row)) <= FEASIBLE)", ""),
        a_ray_is_enough=(
            "again = (basis.status == LIMIT) | (basis.status == UNBOUNDED) & ~_feasible(basis, rows)",
            "again = basis.status == LIMIT",
        ),
        the_wrong_sign_of_farkass=(
            "sign = jnp.where(pick(values, row) < 0, -1.0, 1.0)",
            "sign = 1.0 + 0 * pick(values, row)",
        ),
    ),
    *_in(
        "jaxgame/lp/lanes.py",
        ("test_lp", "test_hull"),
        results_of_neighbours=(
            "target = jnp.where(state.done, problem, count)  # count is no problem: dropped",
            "target = jnp.where(state.done, jnp.maximum(problem - 1, 0), count)",
        ),
        lanes_at_work_are_not_waited_for=(
            "enough = jnp.where(head < work.tail, lanes // REFILL, 0)",
            "enough = lanes // REFILL",
        ),
    ),
    *_in(
        "jaxgame/selection/exclusion.py",
        ("test_selection", "test_certificates"),
        slack_asks_for_more=(
            "return Bracket(best.lower - self.slack, best.upper - self.slack)",
            "return Bracket(best.lower + self.slack, best.upper + self.slack)",
        ),
        chords_above_the_curve=(
            "base, end = self.at(interval.low).lower, self.at(interval.end).lower",
            "base, end = self.at(interval.low).lower + 0.02, self.at(interval.end).lower + 0.02",
        ),
        the_wrong_end_of_the_interval=(
            "ends = jnp.stack([interval.low, -interval.high])",
            "ends = jnp.stack([interval.low, -interval.low])",
        ),
        solver_is_trusted=(
            "return Proof(offset - best.upper[0], parts[-1], outcome, ",
            "return Proof(offset - best.lower[0] + 1e-3, parts[-1], outcome, ",
        ),
        weights_are_trusted=("    weights = law(weights)\n", ""),
        the_made_up_leader_forgets_the_chords=(
            "- parts[:-2] @ conditions.slope) * units.loss",
            ") * units.loss",
        ),
    ),
    *_in(
        "jaxgame/selection/search.py",
        ("test_selection", "test_certificates"),
        intervals_excluded_for_nothing=(
            "        excluded = self.test.missed.lower > MISSED\n",
            "        excluded = self.test.missed.lower > -0.05\n",
        ),
        anything_is_an_equilibrium=(
            "curves.gain(units, self.test.outcome) <= GAIN)",
            "curves.gain(units, self.test.outcome) <= 1.0)",
        ),
        proof_reaches_too_far=(
            "divided(self.test.missed.lower - MISSED, weight,",
            "divided(3 * (self.test.missed.lower - MISSED), weight,",
        ),
    ),
    *_in(
        "jaxgame/selection/worst.py",
        ("test_selection", "test_units::test_where_nothing_is_at_stake_nothing_is_lost"),
        ends_swapped=(
            "    loss = Bracket((1 - rounding) * units.lost(final.outcome), judged - final.floor)\n",
            "    loss = Bracket(judged - final.floor, (1 - rounding) * units.lost(final.outcome))\n",
        ),
    ),
    *_in(
        "jaxgame/selection/outbidding.py",
        ("test_selection",),
        a_single_leader_must_outbid=(
            "        lost = jnp.maximum(lost, units.uninformed())\n",
            "        lost = 1.0 * lost\n",
        ),
        gains_of_the_least_eager=(
            "((units.leaders.unit * x).max() for x",
            "((units.leaders.unit * x).min() for x",
        ),
    ),
    *_in(
        "jaxgame/selection/dynamics.py",
        ("test_selection",),
        the_worst_offer_is_kept=("    selected = lost.argmin()\n", "    selected = lost.argmax()\n"),
        nobody_withdraws=("jnp.where(withdraws, nothing, offers[leader])", "offers[leader]"),
        outbidding_at_any_cost=(
            "wins = (above[place] > now + INDIFFERENT) & (above[place] >= below)",
            "wins = above[place] > now + INDIFFERENT",
        ),
    ),
    *_in(
        "jaxgame/selection/dynamics.py",
        ("test_learning",),
        everybody_is_asked_after_all=(
            'jnp.einsum("k,ktsa->tsa", kept_shares(entries.lost[-1], consulted), last)',
            "last[entries.selected[-1]]",
        ),
    ),
    *_in(
        "jaxgame/selection/consulting.py",
        ("test_learning", "test_selection"),
        gains_of_lazy_users_without_the_bottom=(
            "budgets = jnp.append(rivals.lost, units.uninformed())",
            "budgets = jnp.append(rivals.lost, 0.0)",
        ),
        the_worst_rival_is_met_first=(
            "order = jnp.argsort(jnp.where(jnp.arange(leaders) != leader, lost, jnp.inf), stable=True)[:-1]",
            "order = jnp.argsort(jnp.where(jnp.arange(leaders) != leader, -lost, jnp.inf), stable=True)[:-1]",
        ),
        rivals_below_are_forgotten=(
            "self.chance[rank] * earned + self.before[rank] + self.after[rank]",
            "self.chance[rank] * earned + self.before[rank]",
        ),
        ranks_from_one=(
            "math.comb(leaders - 1 - rank, consulted - 1)",
            "math.comb(leaders - rank, consulted - 1)",
        ),
        the_worst_ranks_first=("jnp.argsort(lost, stable=True)", "jnp.argsort(-lost, stable=True)"),
    ),
    *_in(
        "jaxgame/selection/regret.py",
        ("test_rules", "test_learning"),
        the_own_offer_is_a_rival=(
            "others = jnp.where(everyone[:, None] == everyone[None], jnp.inf, heard[None])",
            "others = jnp.broadcast_to(heard[None], (len(lost), len(lost)))",
        ),
        ties_go_to_the_last=("ties=everyone < best,", "ties=everyone > best,"),
        ties_are_lost=("(lost < rival) | (ties & (lost == rival)), own", "(lost < rival), own"),
        rounds_that_tie_are_not_won=(
            "below = earned(up_to(weights, past)",
            "below = earned(up_to(weights, first)",
        ),
        what_is_given_up_counts_twice=("return won * best + every - given_up", "return won * best + every"),
        who_is_not_asked_wins=("rival=jnp.where(consulted, rival, UNHEARD)", "rival=rival"),
        the_lower_end_is_what_is_hoped_for=(
            "jnp.where(wins, own, theirs[None])",
            "jnp.maximum(own, theirs[None])",
        ),
        ties_at_the_top_are_nobodys=(
            "at = jnp.where(rival >= 0, at, -jnp.inf)",
            "at = jnp.where(rival > 0, at, -jnp.inf)",
        ),
    ),
    *_in(
        "jaxgame/selection/outscoring.py",
        (
            "test_score::test_what_leaders_gain_by_scores_of_their_own_agrees_with_highs",
            "test_score::test_a_leader_with_a_better_score_is_kept_with_a_worse_offer",
            "test_score",
        ),
        the_kept_leader_must_beat_itself=(
            "level = jnp.where(everyone == kept, jnp.minimum(score, others), score)",
            "level = jnp.broadcast_to(score, others.shape + everyone.shape)",
        ),
        the_kept_leader_is_its_own_rival=(
            "others = jnp.where(everyone == kept, -jnp.inf, reach.highest.lower).max()",
            "others = reach.highest.lower.max()",
        ),
        gains_are_what_is_earned=(
            "Bracket(found.lower - earned - ROUNDING, found.upper - earned + ROUNDING)",
            "Bracket(found.lower - ROUNDING, found.upper + ROUNDING)",
        ),
        leaders_outscore_themselves=(
            "bar = jnp.where(jnp.arange(len(scores)) == leader, -jnp.inf, scores).max()",
            "bar = scores.max()",
        ),
        the_worst_score_is_kept=("selected = scores.argmax()", "selected = scores.argmin()"),
        scores_of_the_first=(
            "return (contest.counted * offers).sum((1, 2, 3))",
            "return (contest.counted[:1] * offers).sum((1, 2, 3))",
        ),
    ),
    *_in(
        "jaxgame/selection/evaluation.py",
        ("test_score::test_a_finite_evaluation_period_is_a_score_that_is_right_on_average",),
        cases_drawn_without_the_prior=("jnp.log(prior), shape", "0.0 * prior, shape"),
        rare_cases_count_as_common=(
            "often = divided(seen, game.prior[None], game.prior[None] > 0)",
            "often = seen",
        ),
    ),
    *_in(
        "jaxgame/selection/scored.py",
        ("test_score",),
        chords_are_flat=(
            "right = jnp.where(bound, slope * low - base + slack, 1.0)",
            "right = jnp.where(bound, -base + slack, 1.0)",
        ),
        nobody_competes=(
            "jnp.where(bound[:, None], slope[:, None] * score[None] - contest.leaders, 0.0)",
            "jnp.where(bound[:, None], slope[:, None] * score[None], 0.0)",
        ),
        the_best_equilibrium=("            -contest.lost,\n", "            contest.lost,\n"),
        gains_do_not_matter=("(found.status == OPTIMAL) & (gain <= GAIN)", "(found.status == OPTIMAL)"),
        the_whole_range_of_errors=(
            "error = Bracket((most.lower.max() - least.upper.min()) / 2, (most.upper.max() - least.lower.min()) / 2)",
            "error = Bracket(most.lower.max() - least.upper.min(), most.upper.max() - least.lower.min())",
        ),
        errors_without_signs=("- game.follower[None]\n", "+ game.follower[None]\n"),
    ),
    *_in(
        "jaxgame/persuasion/obedient.py",
        ("test_score",),
        obedience_to_worse_advice=(
            "gains = (other - told[:, :, None])",
            "gains = (told[:, :, None] - other)",
        ),
    ),
    *_in(
        "jaxgame/selection/rules.py",
        ("test_rules", "test_learning"),
        hedge_likes_what_was_bad=("_drawn(key, rate * total)", "_drawn(key, -rate * total)"),
        regrets_of_the_wrong_sign=(
            "regret + heard.payoffs - heard.earned[:, None]",
            "regret - heard.payoffs + heard.earned[:, None]",
        ),
        descent=("adam.update(-slope, memory)", "adam.update(slope, memory)"),
        worth_to_oneself_only=("self.worth[everyone, everyone]", "self.worth[everyone, 0 * everyone]"),
    ),
    *_in(
        "jaxgame/selection/learners.py",
        ("test_learning",),
        regret_is_not_what_was_earned=(
            "Bracket(best.lower - earned - rounding, best.upper - earned + rounding)",
            "Bracket(best.lower - rounding, best.upper + rounding)",
        ),
        averages_of_all_rounds=("(jnp.arange(rounds) < count)", "(jnp.arange(rounds) <= count)"),
    ),
    *_in(
        "jaxgame/theorems/learned.py",
        ("test_learning",),
        ties_are_free=(
            "return units.leaders.unit * (game.prior[None] * (common - least)).sum((1, 2))",
            "return 0.0 * units.leaders.unit",
        ),
        regrets_raise_the_bound=(
            "gain=regret, known=known",
            "gain=Bracket(-regret.upper, -regret.lower), known=known",
        ),
        the_best_law=("linprog(-lost[rows, kept], gains", "linprog(lost[rows, kept], gains"),
        deviations_of_one_leader=(
            "gains = (instead - earned[:, :, None])",
            "gains = (instead - earned[:, :1, None])",
        ),
    ),
    *_in(
        "jaxgame/selection/evaluation.py",
        ("test_selection",),
        the_worst_is_kept=(
            "jnp.where(asked, below, -jnp.inf).argmax()",
            "jnp.where(asked, below, jnp.inf).argmin()",
        ),
    ),
    *_in(
        "jaxgame/theorems/guarantee.py",
        ("test_theorems", "test_conversation"),
        a_verdict_that_is_never_no=(
            "jnp.where(slack.upper < -tolerance, 0, 1)",
            "jnp.where(slack.upper < -tolerance, 1, 1)",
        ),
        a_verdict_that_is_always_yes=(
            "proved = (slack.lower >= -tolerance)",
            "proved = (slack.upper >= -tolerance)",
        ),
        delta_costs_nothing=(
            "apart = delta * (fit.weights * spans).sum()",
            "apart = 0.0 * delta * (fit.weights * spans).sum()",
        ),
        delta_without_weights=(
            "apart = delta * (fit.weights * spans).sum()",
            "apart = delta * spans.sum()",
        ),
        gain_left_out=("return far + apart + gained.sum()", "return far + apart + 0.0 * gained.sum()"),
        gain_without_weights=(
            "gained = jnp.where(fit.weights > 0, fit.weights * gain, 0.0)",
            "gained = jnp.where(fit.weights > 0, fit.weights * 0.0 + gain, 0.0)",
        ),
        regret_left_out=(
            "lower, upper = untaught.lower + lower + regret, untaught.upper + upper + regret",
            "lower, upper = untaught.lower + lower, untaught.upper + upper",
        ),
        what_is_not_taught_left_out=(
            "lower, upper = untaught.lower + lower + regret, untaught.upper + upper + regret",
            "lower, upper = lower + regret, upper + regret",
        ),
        one_eps_instead_of_two=("by_eps = allowed(2.0,", "by_eps = allowed(1.0,"),
        slack_with_swapped_ends=(
            "return Bracket(allowed.lower - loss.upper, allowed.upper - loss.lower)",
            "return Bracket(allowed.lower - loss.lower, allowed.upper - loss.upper)",
        ),
        the_largest_of_three_bounds=(
            "gain.upper) for fit in fits]).min()",
            "gain.upper) for fit in fits]).max()",
        ),
        tolerance_in_utility_units=(
            " holds=verdict(slack(by_eps), tolerance * stake)",
            " holds=verdict(slack(by_eps), tolerance)",
        ),
    ),
    *_in(
        "jaxgame/theorems/profiles.py",
        ("test_conversation", "test_theorems"),
        delta_of_conversations_is_none=(
            "delta = jnp.abs(laws[:, None] - laws[None]).sum((2, 3, 4)).max() / 2",
            "delta = 0.0 * jnp.abs(laws).max()",
        ),
    ),
    *_in(
        "jaxgame/theorems/coverage.py",
        ("test_theorems",),
        wendel_off_by_one=(
            "for k in range(min(dimension, points))",
            "for k in range(min(dimension + 1, points))",
        ),
    ),
    *_in(
        "jaxgame/core/game.py",
        ("test_game",),
        she_knows_her_action_but_not_the_state=(
            "game.prior, game.follower).max(axis=-1).sum()",
            "game.prior, game.follower).max()",
        ),
        full_information_without_the_prior=(
            "return (game.prior * game.follower.max(axis=-1)).sum()",
            "return game.follower.max(axis=-1).mean()",
        ),
    ),
    *_in(
        "jaxgame/core/game.py",
        ("test_rating_games",),
        losses_not_squared=(" - scores[..., None]) ** 2)", " - scores[..., None]).__abs__())"),
        equal_ratings_pass=("(rise := np.diff(ratings) > 0)", "(rise := np.diff(ratings) >= 0)"),
        the_prior_of_items_forgotten=(
            "return make_game(prior, _squared_loss(",
            "return make_game(jnp.full_like(prior, 1 / prior.size), _squared_loss(",
        ),
    ),
    *_in(
        "jaxgame/panel/games.py",
        ("test_rating_games",),
        models_depend_on_how_many=(
            "jax.random.permutation(model_key, models)[: shape.leaders]",
            "jax.random.permutation(jax.random.fold_in(model_key, shape.leaders), models)[: shape.leaders]",
        ),
        models_with_replacement=(
            "jax.random.permutation(model_key, models)[: shape.leaders]",
            "jax.random.randint(model_key, (models,), 0, models)[: shape.leaders]",
        ),
        models_by_the_key_of_the_items=(
            "jax.random.permutation(model_key",
            "jax.random.permutation(item_key",
        ),
        the_first_items=(
            "[:, drawn], jnp.asarray(self.table.target)[drawn]",
            "[:, : shape.states], jnp.asarray(self.table.target)[: shape.states]",
        ),
        the_common_model_always_the_first=(
            "scores[jax.random.randint(common_key, (), 0, models)]",
            "scores[0]",
        ),
        diversity_reversed=(
            "(1 - jnp.asarray(diversity)) * common[None] + jnp.asarray(diversity) * own",
            "jnp.asarray(diversity) * common[None] + (1 - jnp.asarray(diversity)) * own",
        ),
        the_scale_without_its_end=("self.high, shape.actions)", "self.high, shape.actions, endpoint=False)"),
        a_changed_table_not_read_again=("about.st_mtime_ns, about.st_size)", "0, 0)"),
    ),
    *_in(
        "jaxgame/core/response.py",
        ("test_response",),
        ties_go_to_the_highest_index=(
            "jax.nn.one_hot(best.argmax(axis=-1),",
            "jax.nn.one_hot(best.shape[-1] - 1 - best[..., ::-1].argmax(axis=-1),",
        ),
        ties_against_the_favoured=(
            "best &= favour >= jnp.where(best, favour, -jnp.inf).max(axis=-1, keepdims=True)",
            "best &= favour <= jnp.where(best, favour, jnp.inf).min(axis=-1, keepdims=True)",
        ),
        regret_bound_too_low=(
            "return root / rationality if rationality > 0",
            "return 0.9 * root / rationality if rationality > 0",
        ),
    ),
    *_in(
        "jaxgame/core/beliefs.py",
        ("test_beliefs",),
        the_first_leader_varies_fastest=(
            "joint = (joint[:, :, None] * scheme[:, None, :])",
            "joint = (joint[:, None, :] * scheme[:, :, None])",
        ),
        outcome_without_the_prior=(
            "    return prior[:, :, None] * sent\n",
            "    return jnp.ones_like(prior)[:, :, None] * sent\n",
        ),
    ),
    *_in(
        "jaxgame/conversation/follower.py",
        ("test_conversation",),
        she_asks_the_worst_question=("best_response(-following / stake,", "best_response(following / stake,"),
        losses_without_the_prior=(
            "expected(game.prior[:, :, None] * said[None], gaps)",
            "expected(jnp.ones_like(game.prior)[:, :, None] * said[None], gaps)",
        ),
    ),
    *_in(
        "jaxgame/conversation/bound.py",
        ("test_conversation", "test_units::test_conversations_of_the_follower"),
        dearer_lines_are_free=(
            "    dearer = jnp.maximum(curves.price - price, 0.0) * most[:, None]\n",
            "    dearer = 0.0 * jnp.maximum(curves.price - price, 0.0) * most[:, None]\n",
        ),
        the_budget_is_free=("+ (1 + rounding) * price * budget", "+ 0.0 * price * budget"),
    ),
    *_in(
        "jaxgame/conversation/teaching.py",
        ("test_conversation",),
        the_leader_teaches_the_worst=(
            "    return rule(values.argmax())\n",
            "    return rule(values.argmin())\n",
        ),
    ),
    *_in(
        "jaxgame/conversation/reply.py",
        ("test_conversation",),
        offers_need_not_reach_the_level=(
            "return jnp.where(reached, (utility * outcome).sum(), -jnp.inf)",
            "return (utility * outcome).sum() + 0.0 * reached",
        ),
    ),
    *_in(
        "jaxgame/sampling.py",
        ("test_sampling",),
        diversity_reversed=(
            "self.rho * bias[None] + self.strength * diversity * pulls",
            "self.rho * bias[None] + self.strength * (1 - diversity) * pulls",
        ),
        goals_ignore_their_weight=(
            "(1 - self.weight) * follower[None] + self.weight * goals)",
            "self.weight * follower[None] + (1 - self.weight) * goals)",
        ),
    ),
    *_in(
        "jaxgame/competition/rich/concave_closure.py",
        ("test_closure",),
        the_line_is_not_raised=("    line = line + excess + 2 * off * jnp.abs(excess)\n", ""),
        lower_end_without_rounding=("rest @ corners - rounded * sizes", "rest @ corners"),
        upper_end_without_rounding=(
            "    upper = line @ target + rounding * (jnp.abs(line) @ target)\n",
            "    upper = line @ target\n",
        ),
        corners_left_out=(
            "    lower = kept @ worth + rest @ corners",
            "    lower = kept @ worth + 0.0 * rest @ corners",
        ),
    ),
    *_in(
        "jaxgame/competition/rich/worst.py",
        ("test_competition_worst",),
        equilibria_excluded_for_nothing=(
            "gains = (lower - gain > EXCLUDING_GAIN)",
            "gains = (lower - gain > -0.01)",
        ),
        anything_is_an_equilibrium=(
            "certified = pairs.valid & (upper - gain <= EQUILIBRIUM_GAIN).all(0)",
            "certified = pairs.valid & (upper - gain <= 1.0).all(0)",
        ),
        ends_swapped=("apart(game, attained, bound))", "apart(game, bound, attained))"),
    ),
    *_in(
        "jaxgame/competition/rich/logit_laws.py",
        (f"test_competition_worst::{COARSE}", "test_logit_curves"),
        cells_excluded_without_their_error=("> over + rounding).any(0)", "> rounding - over).any(0)"),
        posteriors_certified_for_nothing=(
            "sure = gains <= ROUNDINGS * problem.rounding",
            "sure = gains <= 0.05",
        ),
        certified_by_one_leader=(
            "(leaders, points).max(0)",
            "(leaders, points).min(0)",
        ),
    ),
    *_in(
        "jaxgame/competition/rich/slack_program.py",
        ("test_slack",),
        bound_without_the_price_of_slack=(
            "    spent = prices @ allowed\n",
            "    spent = 0.0 * prices @ allowed\n",
        ),
        excess_paid_twice=(
            "        paid = worth - prices @ excess\n",
            "        paid = worth - 2.0 * prices @ excess\n",
        ),
        negative_prices_count=(
            "jnp.where((prices > 0) & (prices <= LARGEST), prices, 0.0)",
            "jnp.where(jnp.abs(prices) <= LARGEST, prices, 0.0)",
        ),
        laws_beyond_the_slack_are_kept=(
            "    share = jnp.clip((1 - 4 * eps) * most, 0.0, 1.0)\n",
            "    share = jnp.ones_like(most)\n",
        ),
        slack_in_the_wrong_unit=("scale = units.leaders.unit * unit", "scale = unit"),
        all_leaders_gain_what_one_may=("spent > free), 1.0).min()", "spent > free), 1.0).max()"),
    ),
    *_in(
        "jaxgame/competition/rich/worst_slack.py",
        ("test_slack",),
        gains_for_certain_doubled=(
            "    return jnp.maximum(short, 0.0), jnp.maximum(upper",
            "    return jnp.maximum(2.0 * short, 0.0), jnp.maximum(upper",
        ),
        what_is_missed_at_most_is_halved=(
            "jnp.maximum(upper - gain, 0.0), nothing",
            "jnp.maximum(upper - gain, 0.0) / 2, nothing",
        ),
        slack_below_zero_is_sound=(
            "& (jnp.asarray(slack) >= 0).all()",
            "& (jnp.asarray(slack) >= -1.0).all()",
        ),
        a_leader_alone_misses_half=(
            "(pairs.posterior @ best.multipliers)[None] - gain, 0.0)",
            "(pairs.posterior @ best.multipliers)[None] - gain, 0.0) / 2",
        ),
    ),
    *_in(
        "jaxgame/competition/rich/slack_laws.py",
        ("test_slack",),
        cells_without_their_error=(
            "    return jnp.where(linear.all(0) & (together < apart), together, apart)",
            "    return 0.0 * jnp.where(linear.all(0) & (together < apart), together, apart)",
        ),
        excess_counts_where_it_may_not=(
            "jnp.where(linear, side, 0.0) for side",
            "jnp.where(linear | True, 1.5 * side, 0.0) for side",
        ),
        excess_at_points_halved=(
            "        return jnp.maximum(most.min(), 0.0) + problem.rounding",
            "        return jnp.maximum(most.min(), 0.0) / 2 + problem.rounding",
        ),
        laws_of_points_that_were_not_proved=(
            "points[likely], excess[:, likely])",
            "points[likely], 0.0 * excess[:, likely])",
        ),
    ),
    *_in(
        "jaxgame/competition/rich/logit_curves.py",
        ("test_logit_curves",),
        curves_bend_less_than_they_do=(
            "most = jnp.minimum(ends.max(0) + width / 2 * third, second)",
            "most = ends.min(0)",
        ),
        second_derivatives_without_the_weight=(
            "bend = second * moved**2 / jnp.where(weight > 0, weight, 1.0)[None]",
            "bend = second * moved**2",
        ),
    ),
    *_in(
        "jaxgame/competition/rich/logit_grid.py",
        ("test_logit_curves",),
        chords_without_ends=("inside = (share > 0) & (share < 1)", "inside = share < 1"),
        newton_stays_where_it_is=(
            "newton = jnp.clip(at - divided(off, bend, bend < 0), low, high)",
            "newton = at",
        ),
    ),
    *_in(
        "jaxgame/competition/rich/curve_hull.py",
        ("test_logit_curves",),
        corners_lose_their_weight=("jnp.where(corner, below.weights, 0.0)", "0.0 * below.weights"),
    ),
    *_in(
        "jaxgame/competition/independent/private.py",
        ("test_competition",),
        the_own_scheme_is_heard=(
            "for j, scheme in enumerate(schemes) if j != int(leader)]",
            "for j, scheme in enumerate(schemes) if j == int(leader)]",
        ),
        responses_to_the_wrong_losses=(
            "    losses = expected(weights, -centred(follower))\n",
            "    losses = expected(weights, centred(follower))\n",
        ),
    ),
    *_in(
        "jaxgame/competition/independent/smooth.py",
        ("test_competition",),
        chords_are_never_exceeded=(
            "raised = jnp.where(known, curvature * height, 0.0).sum(1) / 2",
            "raised = 0.0 * jnp.where(known, curvature * height, 0.0).sum(1)",
        ),
    ),
    *_in(
        "jaxgame/competition/independent/entry.py",
        ("test_units_competition",),
        rationality_in_the_wrong_unit=(
            "scaled = jnp.asarray(units.scaled(rationality))",
            "scaled = jnp.asarray(rationality, units.loss.dtype)",
        ),
    ),
    *_in(
        "jaxgame/runs/keys.py",
        ("test_batch",),
        keys_off_by_one=(
            "fold_in(jax.random.key(seed), draw)",
            "fold_in(jax.random.key(seed), draw + 1)",
        ),
    ),
    *_in(
        "jaxgame/panel/missing.py",
        ("test_panel",),
        a_rater_without_its_own_spread=("mean + spread * consensus", "mean + consensus"),
    ),
    *_in(
        "jaxgame/panel/prepared.py",
        ("test_panel_coverage",),
        splits_part_blocks=(
            "if panel.blocks is None else panel.blocks\n",
            "if panel.blocks is None else np.arange(len(panel.train))\n",
        ),
        rows_of_the_other_side=(
            "own = jnp.where(self.members, vector, 0.0)",
            "own = jnp.where(self.members, vector, vector)",
        ),
        own_units_where_the_targets_are_asked=(
            'asked = fitted if scale == "standard" else fitted[:, -1:]',
            'asked = fitted if scale != "raw" else fitted[:, -1:]',
        ),
    ),
    *_in(
        "jaxgame/panel/fits.py",
        ("test_panel_coverage",),
        no_intercept_for_the_cone=(
            '(offset == "cone" and name in CONES)',
            '(offset == "cone" and name == "")',
        ),
    ),
    *_in(
        "jaxgame/panel/unconstrained.py",
        ("test_panel_coverage",),
        dependent_raters_get_weight=("DEPENDENT = 1e-9", "DEPENDENT = 0.0"),
        one_rater_too_many=(
            "shares = jnp.where(first_raters(sizes)",
            "shares = jnp.where(first_raters(sizes) | True",
        ),
    ),
    *_in(
        "jaxgame/audit/reading/quoting.py",
        ("test_audit_text",),
        marks_anywhere_close_a_cell=("(closing & ~border[after]).any()", "False"),
        blocks_begin_outside=("inside = int(quoted[-1])", "inside = 0"),
    ),
    *_in(
        "jaxgame/audit/reading/delimited.py",
        ("test_audit_text", "test_audit_cells"),
        rows_count_without_empty_ones=(
            "rows = np.flatnonzero(~empty.to_numpy()) + 1",
            "rows = np.arange(int((~empty).sum())) + 1",
        ),
        marks_between_tabs_join_lines=('by_lines = separator == "\\t"', 'by_lines = separator == "?"'),
        what_a_comma_means_is_told_column_by_column=(
            "or have_commas(frame.select(pl.col(pl.String)).get_columns())",
            "",
        ),
    ),
    *_in(
        "jaxgame/audit/reading/marks.py",
        ("test_audit_cells",),
        a_slip_makes_decimal_commas=('max(votes["point"], 1)', 'max(votes["point"], 0)'),
        groups_may_begin_with_zeros=("[1-9]\\d{{0,2}}(?:{mark}", "\\d{{1,3}}(?:{mark}"),
        doubt_is_decimal=("fits &= ~cells", "fits |= ~cells"),
    ),
    *_in(
        "jaxgame/audit/reading/sources.py",
        ("test_audit_formats",),
        half_a_file_is_read=("if not frame.eof:", "if False:"),
    ),
    *_in(
        "jaxgame/audit/reading/columns.py",
        ("test_audit_columns",),
        senators_of_idaho_are_ids=(
            "return len(np.unique(numbers)) > 2\n    return PLACES",
            "return True\n    return PLACES",
        ),
        three_numbers_are_a_counter=("len(numbers) < max(FEWEST, len(values) / 2)", "len(numbers) < 3"),
    ),
    *_in(
        "jaxgame/audit/reading/long.py",
        ("test_audit_layouts",),
        the_last_value_of_an_item_counts=("if len(other):", "if False:"),
        parts_of_names_run_together=('_WITHIN = "\\x1f"', '_WITHIN = ", "'),
        items_without_a_target_are_kept=("read &= aimed[rows.item]", "pass"),
    ),
    *_in(
        "jaxgame/audit/likeness.py",
        ("test_audit_columns",),
        siblings_are_made_from_the_target=(
            "for base in (aim, stem):",
            "for base in (aim, stem, aim[:-1]):",
        ),
        chance_runs_against=("CHANCE = 0.01", "CHANCE = 10.0"),
    ),
    *_in(
        "jaxgame/audit/resample.py",
        ("test_audit_groups", "test_audit"),
        rows_drawn_one_by_one=(
            "_, own_block = np.unique(blocks, return_inverse=True)",
            "_, own_block = np.unique(np.arange(len(blocks)), return_inverse=True)",
        ),
        splits_of_single_rows=(
            "moments(rows[~random_split(blocks, random, train_blocks)])",
            "moments(rows[~random_split(np.arange(len(blocks)), random, train_blocks)])",
        ),
        shuffled_targets_of_single_rows=("while len(sizes) == len(blocks):", "while True:"),
        shuffled_targets_lose_their_order=("(place + first[own]) %", "(first[own] - place) %"),
        larger_givers_give_their_first_rows=(
            "np.where(sizes[giver] == sizes, 0, random.integers(sizes[giver]))",
            "np.zeros(len(sizes), int)",
        ),
        blocks_of_one_size_turned=("np.where(sizes[giver] == sizes, 0, ", "np.where(sizes[giver] < 0, 0, "),
    ),
    *_in(
        "jaxgame/audit/target.py",
        ("test_audit_groups",),
        shuffled_without_groups=(
            "problem.columns, problem.train, sums, problem.blocks, settings.shuffles",
            "problem.columns, problem.train, sums, np.arange(len(problem.blocks)), settings.shuffles",
        ),
    ),
    *_in(
        "jaxgame/audit/absolute.py",
        ("test_audit_average",),
        lower_end_by_the_wrong_model=("(measure @ models).max()", "(measure @ models).min()"),
        measure_too_heavy=("known / len(known)", "1.01 * known / len(known)"),
        multipliers_of_no_use=("[: len(open_rows)], -1.0, 1.0)", "[: len(open_rows)], -0.0, 0.0)"),
        weights_do_not_sum_to_one=("weights /= weights.sum()", "weights /= 1.01 * weights.sum()"),
        weights_of_another_sum=("aim = np.append(aim, 1.0)", "aim = np.append(aim, 0.9)"),
        no_absolute_value=("return float(np.abs(values).mean())", "return float(values.mean())"),
        signs_of_the_other_side=("np.where(residual < 0, -1.0, 1.0)", "np.where(residual < 0, 1.0, -1.0)"),
        constant_where_none_may_be=("    sums[-1, :-1] = sums[:-1, -1] = 0\n", ""),
        rows_never_join=(
            "open_rows = np.union1d(open_rows, order[wrong[order]][: len(open_rows)])",
            "break",
        ),
        measure_does_not_sum_to_nothing=("measure = measure - measure.mean()", "measure = measure + 1e-4"),
    ),
    *_in(
        "jaxgame/audit/average.py",
        ("test_audit_average", "test_audit_groups"),
        half_the_length=("2 * (scale.upper - scale.lower)", "(scale.upper - scale.lower)"),
        three_mean_squares=(
            '_Promise("square", "simplex", 4.0, simplex)',
            '_Promise("square", "simplex", 3.0, simplex)',
        ),
        squares_not_squared=("else sizes**2)", "else sizes)"),
        errors_cancel=(
            "sizes = np.abs(_residual(self.mixture, rows))",
            "sizes = _residual(self.mixture, rows)",
        ),
        errors_not_doubled=(
            "change[models, models], change[-2, models] = 2.0",
            "change[models, models], change[-2, models] = 1.0",
        ),
        target_left_in=("= 2.0, -1.0", "= 2.0, 0.0"),
        cone_by_its_root=(
            '_Promise("square", "cone", factor**2, cone)',
            '_Promise("square", "cone", factor, cone)',
        ),
        cone_of_half_the_weights=("Mixture(2 * doubled.weights / factor", "Mixture(doubled.weights / factor"),
        other_end_of_the_scale=(
            "min(float(one.min()) for one in seen)",
            "max(float(one.min()) for one in seen)",
        ),
        upper_end_of_the_draws_only=("max(upper, float(found**2) / lower)", "upper"),
        lower_end_of_the_draws_only=("min(lower, float(found**2) / upper)", "lower"),
        chosen_by_heldout_rows=("key=lambda bound: bound.train", "key=lambda bound: bound.loss"),
        intervals_by_rows=("problem.blocks[~problem.train]", "np.arange(len(heldout))"),
        scores_left_centred=("    rows[:, :-2] += _shift(problem)\n", ""),
        units_not_squared=("means.of(place, unit**2)", "means.of(place, unit)"),
        stake_not_squared=(
            "[heldout[:, -2] ** 2, heldout[:, -1]]",
            "[np.abs(heldout[:, -2]), heldout[:, -1]]",
        ),
        train_rows_for_heldout=(
            "train, heldout = (_rows(problem, side) for side in sides)",
            "heldout, train = (_rows(problem, side) for side in sides)",
        ),
    ),
    *_in(
        "jaxgame/audit/logs/arrange.py",
        ("test_evaluation_logs",),
        a_second_score_is_averaged=("    _check_once(frame)\n", ""),
        the_first_repeat_alone=('aggregate_function="mean"', 'aggregate_function="first"'),
        rows_of_a_group_by_themselves=("if groups == len(table):", "if groups <= len(table):"),
        answers_of_a_sample_by_themselves=(
            "frame = frame.with_columns(group=_OWN, item=",
            "frame = frame.with_columns(item=",
        ),
        words_among_numbers_left_out=("        number(*other[metric])  # raises\n", "        pass\n"),
    ),
    *_in(
        "jaxgame/audit/logs/votes.py",
        ("test_evaluation_logs",),
        orders_that_disagree_are_no_tie=("orders[0] if orders[0] == orders[1] else 0.5", "orders[0]"),
        a_tie_is_a_loss=("dict.fromkeys(TIES, 0.5)", "dict.fromkeys(TIES, 0.0)"),
        a_winner_by_name_loses=("return float(text == first)", "return float(text == second)"),
        a_winner_by_name_loses_in_tables=("first & ~second).then(1.0)", "first & ~second).then(0.0)"),
    ),
    *_in(
        "jaxgame/audit/logs/judgments.py",
        ("test_evaluation_logs",),
        the_order_shown_counts=("1 - given.share if turned else given.share", "given.share"),
        both_answers_win=("None if given.share is None else 1 - given.share)", "given.share)"),
        unread_scores_count=("None if score == NO_SCORE else score", "score"),
    ),
    *_in(
        "jaxgame/audit/logs/reward_bench.py",
        ("test_evaluation_logs",),
        counted_from_the_first_answer=("value - sum(known) / len(known)", "value - known[0]"),
        the_rejected_are_chosen=(
            "[1.0] * right + [0.0] * (len(rewards) - right)",
            "[0.0] * right + [1.0] * (len(rewards) - right)",
        ),
        prompts_matched_whatever_their_number=("    _check_counts(logs, counts)\n", ""),
    ),
    *_in(
        "jaxgame/audit/logs/lm_evaluation_harness.py",
        ("test_evaluation_logs",),
        tasks_share_their_documents=("if len(set(tasks)) == 1 else", "if tasks else"),
        other_documents_under_one_number=("if known != digest:", "if not known:"),
    ),
    *_in(
        "jaxgame/audit/logs/every_eval_ever.py",
        ("test_evaluation_logs",),
        subtasks_share_their_samples=("if one.sample in shared else one", "if False else one"),
    ),
    *_in(
        "jaxgame/audit/logs/inspect_logs.py",
        ("test_evaluation_logs",),
        partly_right_is_right=('"P": 0.5', '"P": 1.0'),
    ),
    *_in(
        "jaxgame/elicit/answers.py",
        ("test_elicit",),
        answers_are_not_written=("        self._file.write(json", "        bytes(json"),
        answers_wait_in_the_process=("        self._file.flush()\n", ""),
        half_a_line_stays=('file.truncate(data.rfind(b"\\n") + 1)', "pass"),
        anybody_may_write=("        lock.acquire(blocking=False)\n", "        pass\n"),
    ),
    *_in(
        "jaxgame/coalition/entered.py",
        ("test_coalition",),
        who_does_not_care_objects=(
            "self.reviewers @ mixture < -(APPROVES",
            "self.reviewers @ mixture <= 0 * -(APPROVES",
        ),
        covers_of_the_opposite=(
            "blame = weights @ self.reviewers - self.principal",
            "blame = weights @ self.reviewers + self.principal",
        ),
        totals_do_not_matter=("scores = centred @ directions.T + shift", "scores = centred @ directions.T"),
        constants_stay=("centred = utilities - middle[:, None]", "centred = utilities"),
        committees_of_all=("jnp.where(members[:, None], self.reviewers, 0.0)", "self.reviewers"),
    ),
    *_in(
        "jaxgame/coalition/search.py",
        ("test_coalition", "test_coalition_limits"),
        only_large_weights_branch=("cover = (weights > 0) & ~kept", "cover = (weights > 0.3) & ~kept"),
        the_best_cover_counts=('.max(lost, mode="drop")', '.min(lost, mode="drop")'),
        what_is_left_is_safe=(
            "certified = jnp.where(left, jnp.inf, state.certified)",
            "certified = state.certified",
        ),
        a_full_queue_is_none=(
            "left=_at_levels(state.left, removed, real & (place >= capacity))",
            "left=state.left",
        ),
        removed_reviewers_block=("jnp.where(removed[:, None], 0.0, -scores.reviewers)", "-scores.reviewers"),
        most_objectors_first=("merit = cost / 4 - objectors", "merit = cost / 4 + objectors"),
        those_after_it_stay_too=(
            "earlier = np.tri(cover.shape[1], k=-1",
            "earlier = np.tri(cover.shape[1], k=cover.shape[1]",
        ),
    ),
    *_in(
        "jaxgame/coalition/faces.py",
        ("test_coalition",),
        negative_mixtures=(
            "(total > FLAT * scale) & (vector >= -FLAT * total[..., None]).all(-1)\n"
            "    vector = jnp.where(real[..., None], jnp.maximum(vector, 0.0), 1.0 / size)",
            "total > FLAT * scale\n    vector = jnp.where(real[..., None], vector, 1.0 / size)",
        ),
        minors_without_signs=("(-1.0) ** k * minors", "minors"),
        vertices_of_one_dimension_less=(
            "for size in range(1, dimension + 1):",
            "for size in range(1, dimension):",
        ),
    ),
    *_in(
        "jaxgame/coalition/depth.py",
        ("test_coalition",),
        everything_harms=("return tolerance * jnp.where(largest > 0, largest, 1.0)", "return -0.5 * largest"),
        robustness_is_the_depth=("(end.astype(harm.dtype) - 1 for end", "(end.astype(harm.dtype) for end"),
        the_coalition_that_objects=(
            "coalition=~scores.objects(mixture)",
            "coalition=scores.objects(mixture)",
        ),
        covers_of_what_gets_through=("jnp.where(proves, found.covers, 0.0)", "found.covers"),
        one_objector_too_few=("few = objectors[None] <= jnp", "few = objectors[None] < jnp"),
        harm_in_parts=(
            "harm=-(mixture @ scores.principal) * scores.unit,\n        programs=solved",
            "harm=-(mixture @ scores.principal),\n        programs=solved",
        ),
    ),
    *_in(
        "jaxgame/coalition/rules.py",
        ("test_coalition",),
        covers_of_the_others=("program(scores, ~members)", "program(scores, members)"),
        covers_in_parts=("weights=weights * (scores.unit / scores.units)", "weights=weights"),
        losses_of_unanimity=(
            "loss=Bracket(curve.lower[-1], curve.upper[-1])",
            "loss=Bracket(curve.lower[0], curve.upper[0])",
        ),
        weights_sum_to_one=('offset="none", scale="cone")', 'offset="none", scale="simplex")'),
    ),
    *_in(
        "jaxgame/coalition/fixtures.py",
        ("test_coalition",),
        a_wider_ring=("math.sin(math.pi / (2 * reviewers))", "math.sin(math.pi / reviewers)"),
        clauses_are_hard_to_please=("wanted - (len(clause) - 2) * last", "wanted - (len(clause) - 4) * last"),
        noise_in_common=("jnp.sqrt(1 - share) * jax", "(1 - share + 0.5) * jax"),
        one_side_counts=(
            "min((angles <= 0).sum(), (angles >= 0).sum())",
            "min((angles < 0).sum(), (angles >= 0).sum())",
        ),
    ),
    *_in(
        "jaxgame/theorems/coalitions.py",
        ("test_coalition",),
        the_best_coalition=(
            "jax.tree.map(lambda x: x.max(), jax.vmap(alone)(members))",
            "jax.tree.map(lambda x: x.min(), jax.vmap(alone)(members))",
        ),
        proposals_of_size_one=(
            "bound = Bracket(size.max() * distance.lower, size.max()",
            "bound = Bracket(distance.lower, 1.0",
        ),
    ),
    *_in(
        "jaxgame/audit/robust.py",
        ("test_audit_robust",),
        the_depth_itself_is_stood=("float((lower > removed).mean())", "float((lower >= removed).mean())"),
        options_in_the_agents_order=(
            "np.swapaxes(members[rows], 1, 2)",
            "members[rows].reshape(len(rows), -1, size)",
        ),
        the_last_option_is_no_choice=("(np.eye(options) - 1 / options)[:, :-1]", "np.eye(options)[:-1, :-1]"),
    ),
    *_in(
        "jaxgame/elicit/questions.py",
        ("test_elicit",),
        the_scale_does_not_matter=("system, user, *ends, repeat]", "system, user, repeat]"),
        the_sampling_does_not_matter=("model.model, sampling, system", "model.model, system"),
        repeats_are_one=("*ends, repeat]", "*ends]"),
        repeats_share_a_seed=("model.seed + self.repeat", "model.seed"),
    ),
    *_in(
        "jaxgame/elicit/reply.py",
        ("test_elicit_input", "test_elicit"),
        the_scale_is_a_score=("text = _without_scale(text, scale)", "pass"),
        ranges_are_scores=('if _several(whole.sub(r"\\1", text), scale):', "if False:"),
        refusals_are_scores=("if cut or _UNWILLING.search(text) or", "if cut or"),
        half_an_answer_is_a_score=("if cut or _UNWILLING", "if _UNWILLING"),
        scores_beyond_the_scale=("if scale.low <= value <= scale.high", ""),
        filters_are_asked_again=("if last.stop in _FINAL:", "if False:"),
    ),
    *_in(
        "jaxgame/elicit/ask.py",
        ("test_elicit",),
        errors_say_the_key=(
            'said = _short(_without_key(getattr(error, "provider_message", None) or str(error), model))',
            'said = _short(getattr(error, "provider_message", None) or str(error))',
        ),
        answers_say_the_key=(
            "text=_without_key(output.completion, question.model)",
            "text=output.completion",
        ),
        versions_say_the_key=("served=_without_key(output.model, question.model)", "served=output.model"),
        nobody_is_waited_for=("retries=0 if first else None", "retries=None"),
        nobody_waits=("if not first or _nobody(_cause(error)):", "if True:"),
        cost_without_end=("if self.max_cost is not None and self.spent", "if False and self.spent"),
        hopeless_for_ever=("if self.tried[name] >= HOPELESS", "if False"),
        all_at_once=("model.connections or MOST_CONNECTIONS)", "10**6)"),
        nothing_is_said_of_the_first_reply=("for reply in replies:", "for reply in []:"),
    ),
    *_in(
        "jaxgame/elicit/table.py",
        ("test_elicit",),
        the_last_repeat_is_the_score=("math.fsum(cell) / len(cell)", "cell[-1]"),
        old_lists_stay=("unanswered.unlink(missing_ok=True)", "pass"),
    ),
    *_in(
        "jaxgame/elicit/run.py",
        ("test_elicit",),
        same_questions_asked_twice=(
            "list({one.key: one for one in self.asked if one.model.name == model}.values())",
            "[one for one in self.asked if one.model.name == model]",
        ),
        no_limit_at_first=("if spent + more > max_cost:", "if False:"),
        tables_of_nothing=("if all(scores[name].null_count() == scores.height", "if False and all(()"),
    ),
    *_in(
        "jaxgame/elicit/movielens.py",
        ("test_elicit_input",),
        films_that_few_have_rated=('pl.col("count") >= settings.at_least', 'pl.col("count") >= 0'),
        the_least_rated_films=("descending=[True, False]", "descending=[False, False]"),
    ),
    *_in(
        "jaxgame/users/standing.py",
        ("test_users",),
        shares_of_the_others=(
            "return (self.loss * outcome).sum((1, 2)) / self.share",
            "return (self.loss * outcome).sum((1, 2))",
        ),
        leaders_paid_without_shares=(
            "pay = units.leaders * units.share[None, :, None, None]",
            "pay = units.leaders",
        ),
        all_users_lose_alike=(
            "own = jnp.eye(len(units.share))",
            "own = jnp.ones_like(jnp.eye(len(units.share)))",
        ),
    ),
    *_in(
        "jaxgame/users/reply.py",
        ("test_users",),
        others_may_be_won_too=(
            "sign = jnp.where(members, 1.0, -1.0)\n        left_at",
            "sign = jnp.where(members, 1.0, 0.0)\n        left_at",
        ),
        nothing_from_those_who_stay=(
            "stay = jnp.where(members, 0.0, rivals.paid).sum()",
            "stay = 0.0 * rivals.paid.sum()",
        ),
        the_worst_rival=(
            "best = lost.argmin(0)",
            "best = jnp.where(jnp.isfinite(lost), lost, -1.0).argmax(0)",
        ),
        gain_without_what_is_had=(
            "return Bracket(lower - now - 4 * rounding",
            "return Bracket(lower - 4 * rounding",
        ),
    ),
    *_in(
        "jaxgame/users/dynamics.py",
        ("test_users::test_dynamics_end_in_equilibria_or_go_on",),
        revisions_for_nothing=(
            "better = earned[place] > paid(offers[leader]) + INDIFFERENT",
            "better = earned[place] > -jnp.inf",
        ),
        nobody_revises=("return jnp.where(better, made[place], offers[leader])", "return offers[leader]"),
    ),
    *_in(
        "jaxgame/users/alignment.py",
        ("test_users",),
        weights_of_users_half=("upper = spread.sum(0).max() / 2 if", "upper = spread.sum(0).max() if"),
        largest_user_alone=("total = 2 * mass.max(0).sum()", "total = 2 * mass.sum()"),
        eps_without_two=(
            'factor = 2.0 if norm == "sup" else 1.0\n    together',
            "factor = 1.0\n    together",
        ),
        units_of_users_forgotten=(
            "rules = jnp.concatenate([(least / units.users.unit)[None]",
            "rules = jnp.concatenate([jnp.ones_like(units.users.unit)[None]",
        ),
        states_count_alike=(
            'upper = spread.sum(0).max() / 2 if norm == "sup" else self.law @ spread.sum(0)',
            'upper = spread.sum(0).max() / 2 if norm == "sup" else spread.sum(0).mean()',
        ),
        somebody_left_out=(
            "near = mean.distance.upper <= first.distance.upper + NEAR",
            "near = mean.distance.upper <= -1.0",
        ),
    ),
    *_in(
        "jaxgame/users/square.py",
        ("test_users",),
        planes_above=("along = f00 + f11 >= f01 + f10", "along = f00 + f11 <= f01 + f10"),
        holder_leaves_both=("one[:, :, 1:] = ~np.eye", "one[:, :, 1:] = True | ~np.eye"),
        cross_offers_turned=("crossed * float(apart)", "-crossed * float(apart)"),
        any_outcome_is_one=(
            "better = self.case.look & (gain <= GAIN)",
            "better = self.case.look & (gain <= GAIN + 10)",
        ),
    ),
    *_in(
        "jaxgame/users/climb.py",
        ("test_users::test_climbs_go_as_far_as_slack_allows",),
        slopes_turned=(
            "slope = -found.dual_ub[-len(level) :] * rate",
            "slope = found.dual_ub[-len(level) :] * rate",
        ),
        any_outcome_is_one=(
            "return (gain - slack[:, None]).max() <= GAIN",
            "return (gain - slack[:, None]).max() <= GAIN + 10",
        ),
    ),
    *_in(
        "jaxgame/users/population.py",
        ("test_users::test_populations", "test_users::test_the_fixture_is_known"),
        users_alike=("jnp.sqrt(apart) * x[1:]", "jnp.sqrt(apart) * x[:1]"),
        the_other_is_not_in_the_way=("1.0, -float(k))", "1.0, -0.0 * float(k))"),
    ),
    *_in(
        "jaxgame/users/worst.py",
        ("test_users",),
        disobedience_is_a_loss=(
            "(1 + rounding) * (counted @ programs.disobeyed(scheme))",
            "0.0 * (counted @ programs.disobeyed(scheme))",
        ),
        others_weights=(
            "counted = jnp.where(sound, weights * units.users.unit, 1.0)",
            "counted = jnp.where(sound, jnp.ones_like(weights), 1.0)",
        ),
    ),
    *_in(
        "jaxgame/theorems/users.py",
        ("test_users::test_verdicts_of_both_statements",),
        one_statement_for_both=(
            'anonymous=_concluded(game, "common", anonymous',
            'anonymous=_concluded(game, "common", personal',
        ),
    ),
    *_in(
        "jaxgame/audit/common.py",
        ("test_audit_common",),
        weights_of_any_sum=(
            "return found[:models] / found[models:].sum(), found[models:] / found[models:].sum()",
            "return found[:models], found[models:]",
        ),
        models_turned_round=("gram[place, :models] = -one.moment", "gram[place, :models] = one.moment"),
        raw_scores_as_they_are=(
            "return problem.unit / problem.factor[list(places)]",
            "return np.ones(len(places))",
        ),
        own_error_only=("loss=2 * together / float(part) if everybody", "loss=2 * largest if everybody"),
    ),
    *_in(
        "jaxgame/plot.py",
        ("test_plot",),
        labels_run_into_each_other=("fits = middle + half + LABEL_GAP <= right", "fits = True"),
    ),
    *_in(
        "jaxgame/verify/best_ai_selection.py",
        ("test_proofs",),
        disobedience_is_allowed=("place.must(kept >= 0, f", "place.must(True, f"),
        probabilities_above_one=("place.must(max(map(sum, numbers)) <= 1, ", "place.must(True, "),
        rest_of_a_state_to_the_first_action=("if m == full else 0)", "if m == 0 else 0)"),
        gaps_between_intervals=(
            'interval["low"].must(interval["low"].numbers() <= below, ',
            'interval["low"].must(True, ',
        ),
        chord_from_worse_offers=("worth[x] >= low and worth[z] >= end", "worth[x] >= low"),
        chord_from_the_wrong_end=(
            "(earned[z][j] - earned[x][j]) / (end - low)",
            "(earned[x][j] - earned[z][j]) / (end - low)",
        ),
        beyond_the_chords_end=("interval.must(low <= high <= end, ", "interval.must(low <= high, "),
        exclusion_with_equality=("interval.must(left < right, ", "interval.must(left <= right, "),
        slack_forgotten=("- slope * low - slack[j])", "- slope * low)"),
        more_than_is_excluded=('proof["value"].must(value <= most, ', 'proof["value"].must(True, '),
        least_for_the_maximum=("most = [max(pay", "most = [min(pay"),
        price_of_the_value_forgotten=('multipliers"]) - price * value', 'multipliers"])'),
        gain_unproved=("proof.must(gain <= gains[j], f", "proof.must(True, f"),
        worth_understated=('place["worth"].must(worth[x] <= claimed, f', 'place["worth"].must(True, f'),
    ),
    *_in(
        "jaxgame/verify/best_response.py",
        ("test_proofs",),
        threshold_missed=('proof["scheme"].must(worth >= value, f', 'proof["scheme"].must(True, f'),
        lower_end_overstated=('proof["lower"].must(lower <= least, f', 'proof["lower"].must(True, f'),
        upper_end_understated=('proof["upper"].must(upper >= most, f', 'proof["upper"].must(True, f'),
    ),
    *_in(
        "jaxgame/verify/exploitability.py",
        ("test_proofs",),
        offer_that_does_not_outbid=('proof["offer"].must(least >= outbid, f', 'proof["offer"].must(True, f'),
        bound_of_one_leader=("most = max(", "most = min("),
    ),
    *_in(
        "jaxgame/verify/hull_distance.py",
        ("test_proofs",),
        weights_not_divided=("weights = [w / sum(weights) for w in weights]", "weights = list(weights)"),
        attained_unchecked=('proof["upper"].must(upper**power >= attained, f', 'proof["upper"].must(True, f'),
        measure_not_centred=(
            'measure = centred(proof["measure"].numbers(size), groups)',
            'measure = proof["measure"].numbers(size)',
        ),
        mean_of_the_leaders=("least -= max(scores)", "least -= min(scores)"),
        leader_not_excluded_on_the_cone=('must(max(scores) <= 0, "does not', 'must(True, "does not'),
        mass_above_the_prior=("must(mass <= p, ", "must(True, "),
        size_of_the_measure_forgotten=("lower**power * sizes[norm] <= ", "lower**power <= "),
        whole_range_for_half=("else max(ranges) / 2", "else max(ranges)"),
    ),
    *_in(
        "jaxgame/verify/regrets.py",
        ("test_proofs",),
        regret_unproved=("must(most <= regrets[j], f", "must(True, f"),
        law_of_any_sum=("must(sum(law) == 1, ", "must(True, "),
        worst_rival=("return max(among, key", "return min(among, key"),
        own_offer_is_a_rival=("[i for i in everyone if i != j]", "[*everyone]"),
        nothing_earned=("return most - earned", "return most"),
        line_without_price=("min(height - price * v for", "min(height for"),
    ),
    *_in(
        "jaxgame/verify/coalition_cover.py",
        ("test_proofs",),
        members_who_object=('proof["mixture"].must(dot(r[i], q) >= 0, ', 'proof["mixture"].must(True, '),
        cheaper_than_claimed=('proof["lower"].must(lower <= max(-dot(p, q), 0)', 'proof["lower"].must(True'),
        weights_of_others=('proof["weights"].must(support <= members, ', 'proof["weights"].must(True, '),
        cover_missed=('proof["upper"].must(upper >= eta, f', 'proof["upper"].must(True, f'),
        mixture_of_more_than_one=('proof["mixture"].must(sum(q) <= 1, ', 'proof["mixture"].must(True, '),
        least_excess=("return max(*excess, ", "return min(*excess, "),
    ),
    *_in(
        "jaxgame/verify/rejection_depth.py",
        ("test_proofs",),
        harmless_counts=("must(-dot(p, q) >= harm, ", "must(True, "),
        objectors_uncounted=("must(objectors <= upper, f", "must(True, f"),
        cover_that_lets_harm_through=("place.must(eta < harm, f", "place.must(True, f"),
        one_removal_less=("not met(supports, lower - 1)", "not met(supports, lower - 2)"),
        met_by_the_first_alone=("size > 0 and any(met(", "size > 0 and all(met("),
    ),
    *_in(
        "jaxgame/verify/reading.py",
        ("test_proofs",),
        negative_numbers=("least is None or Fraction(self.value) >= least", "True"),
        truth_values_are_numbers=(
            "bool(NUMBER.fullmatch(str(self.value)))",
            "not isinstance(self.value, list)",
        ),
        decimals_rounded=("return Fraction(self.value)", "return Fraction(float(Fraction(self.value)))"),
    ),
    *_in(
        "jaxgame/proof/schemes.py",
        ("test_proofs",),
        rows_missed_forgotten=("missed = [row for row in rows if _along(row, given) < 0]", "missed = []"),
        value_to_keep_forgotten=("if worth >= least:", "if True:"),
        belief_lost=(
            "return weakened if weakened is not None else _held(rows, missed, given)",
            "return weakened if weakened is not None else [Fraction(0)] * len(given)",
        ),
    ),
    *_in(
        "jaxgame/coalition/proving.py",
        (
            "test_proofs::test_proofs_of_coalitions",
            "test_proofs::test_a_coalition_that_covers_covers_exactly",
        ),
        nothing_covers_exactly=("if unit else [])", "if False else [])"),
        harm_unscaled=("harm = Fraction(tolerance) * (max(map(abs, p)) or 1)", "harm = Fraction(tolerance)"),
        objections_ignored=("near = into_cone(approving, ", "near = into_cone([], "),
    ),
    *_in(
        "jaxgame/proof/numbers.py",
        ("test_proofs",),
        inwards=(
            "return lower // grid * grid, -(-upper // grid) * grid",
            "return -(-lower // grid) * grid, upper // grid * grid",
        ),
        shortest_decimal=("text = str(whole.scaleb(-digits, _EXACT))", "text = repr(float(number))"),
    ),
    *_in(
        "jaxgame/selection/proving.py",
        ("test_proofs::test_proofs_of_hard_games", "test_proofs::test_errors_of_prove"),
        weights_in_the_wrong_unit=(
            "[w * self.hers / unit for w, unit in",
            "[w * unit / self.hers for w, unit in",
        ),
        sizes_of_conditions_forgotten=(
            "after.floor, weights / sizes, multipliers)",
            "after.floor, weights, multipliers)",
        ),
        best_proof_not_kept=("better = proof.missed > known", "better = proof.missed < known"),
        value_that_is_not_proved=("if value is not None and value > most:", "if False:"),
    ),
    *_in(
        "jaxgame/menus.py",
        ("test_menus",),
        last_player_fastest=("range(count, 0, -1), 0)", "range(1, count + 1), 0)"),
        payoffs_of_one_player_together=(
            "self.leaders.transpose(*range(count, 0, -1), 0).reshape(-1, count)",
            "self.leaders.transpose(0, *range(count, 0, -1)).reshape(-1, count)",
        ),
        payoffs_rounded=('format(Decimal(float(x) + 0.0), "f")', 'format(float(x) + 0.0, ".15f")'),
        the_worst_offer_is_kept=("lost[made].argmin(0)", "lost[made].argmax(0)"),
        the_highest_index_is_kept=(
            "np.take_along_axis(made, lost[made].argmin(0)[None], 0)[0]",
            "np.take_along_axis(made[::-1], lost[made[::-1]].argmin(0)[None], 0)[0]",
        ),
        offers_of_another_leader=("np.cumsum([0, *sizes[:-1]])", "np.cumsum([0, *sizes[1:]])"),
        leaders_paid_by_her_utility=(
            "(outcome[None] * game.leaders).sum((1, 2, 3))",
            "(outcome[None] * game.follower[None]).sum((1, 2, 3)) + 0 * game.leaders.sum((1, 2, 3))",
        ),
        rationality_forgotten=(
            "outcome = outcome_of(game, chosen, rationality=rationality, tie=tie)",
            "outcome = outcome_of(game, chosen, tie=tie)",
        ),
    ),
    *_in(
        "jaxgame/drawing/beliefs.py",
        ("test_drawing",),
        closure_below_the_curve=("if (y[b] - y[a]) * (x[i] - x[a]) >", "if (y[b] - y[a]) * (x[i] - x[a]) <"),
        ties_against_the_leader=(
            "np.where(near, theirs, -np.inf).max(2)",
            "-np.where(near, -theirs, -np.inf).max(2)",
        ),
        types_not_weighed=(
            "joint = np.stack([1 - beliefs, beliefs], 1)[:, None] * given[None]",
            "joint = np.stack([1 - beliefs, beliefs], 1)[:, None] * prior[None]",
        ),
    ),
    *_in(
        "jaxgame/drawing/tables.py",
        ("test_drawing",),
        ends_rounded_inwards=("ROUND_CEILING if up else ROUND_FLOOR", "ROUND_FLOOR if up else ROUND_CEILING"),
    ),
)
