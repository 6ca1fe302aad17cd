from uuid import UUID

from hypothesis import given, strategies as st

from ropewalk.core.undo import LoggedChange, Standing

ACCOUNT, OTHER, CONTACT = UUID(int=1), UUID(int=2), UUID(int=9)
FIRST, SECOND, THIRD, UNDO = (UUID(int=number) for number in range(10, 14))


def change(number, run, *fields, account=ACCOUNT, contact=None):
    return LoggedChange(number, account, contact, run, False, dict.fromkeys(fields, ("old", "new")))


def standing(*log, **undoes):
    found = Standing({UNDO: FIRST} if not undoes else undoes["undoes"])
    found.add(log)
    return found


def test_the_last_change_of_a_field_lies_on_top():
    first, by_hand = change(1, FIRST, "name", "tier"), change(2, None, "name")
    found = standing(first, by_hand)

    assert [found.last(first, name) for name in ("name", "tier")] == [False, True]
    assert (found.setter(first, "name"), found.setter(first, "tier")) == (None, FIRST)


def test_what_was_taken_back_is_gone_and_what_lay_under_it_is_last_again():
    first, second = change(1, FIRST, "name"), change(2, SECOND, "name")
    found = standing(first, second)

    found.take_back(second, "name")

    assert (found.gone(second, "name"), found.gone(first, "name"), found.last(first, "name")) == (
        True,
        False,
        True,
    )


def test_nothing_is_known_of_what_was_never_logged():
    stranger = change(7, SECOND, "name", account=OTHER)
    found = standing(change(1, FIRST, "name"))

    assert (found.last(stranger, "name"), found.gone(stranger, "name"), found.others(stranger)) == (
        False,
        True,
        [],
    )


def test_an_undo_takes_only_the_change_it_undid_off_its_stack():
    first, later = change(1, FIRST, "name", "tier"), change(2, SECOND, "name")
    found = standing(first, later, change(3, UNDO, "name", "tier", "unheard of"))

    assert (found.gone(first, "tier"), found.gone(first, "name"), found.last(later, "name")) == (
        True,
        False,
        True,
    )


def test_others_are_those_of_the_contact_or_of_all_the_account():
    made = change(1, FIRST, "email", contact=CONTACT)
    found = standing(
        made,
        change(2, SECOND, "name"),
        change(3, None, "phone", contact=CONTACT),
        change(4, None, "role", contact=CONTACT),
        change(5, THIRD, "name", account=OTHER),
    )

    assert found.others(made) == [None]
    assert sorted(map(str, found.others(made, whole_account=True))) == sorted(map(str, [None, SECOND]))


RUNS = st.lists(
    st.tuples(
        st.sampled_from([None, FIRST, SECOND, THIRD]),
        st.sets(st.sampled_from(["name", "tier"]), min_size=1),
    ),
    max_size=6,
)


@given(before=RUNS, fields=st.sets(st.sampled_from(["name", "tier"]), min_size=1))
def test_a_run_and_its_undo_count_as_if_they_had_never_been(before, fields):
    log = [change(number, run, *sorted(names)) for number, (run, names) in enumerate(before)]
    undone = UUID(int=77)

    without = standing(*log, undoes={})
    both = standing(
        *log, change(98, undone, *sorted(fields)), change(99, UNDO, *sorted(fields)), undoes={UNDO: undone}
    )

    for each in log:
        for name in each.fields:
            assert (both.last(each, name), both.gone(each, name)) == (
                without.last(each, name),
                without.gone(each, name),
            )
            assert both.setter(each, name) == without.setter(each, name)
