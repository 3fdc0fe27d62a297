"""Supersession: which pairs of statements replace one another, by hand-written pairs.

SEEN were in view while the rules were made. HELD_OUT were first looked at when the rules stood:
then 54 of 62 replacements were found, and one pair taken for one that is none. A few rules were
added since, so the floors below are no measurement. `tests/data/corrections.tsv` has more pairs, of
what agents write; its measurement is in `docs/reference/revision.md`.
"""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.language.assertions import CHARACTERS_MAX, read
from cognition.language.supersession import COSINE_MIN, Statement, supersedes

Pair = tuple[str, str]
DAY_MS = 86_400_000
PRECISION_MIN, RECALL_MIN = 0.95, 0.85
CORRECTIONS = Path(__file__).parents[2] / "data" / "corrections.tsv"

SEEN_REPLACED: list[Pair] = [
    ("My favourite colour is blue", "My favourite colour is green now"),
    ("The meeting is at three", "The meeting moved to four"),
    ("I live in Oslo", "I no longer live in Oslo, I moved to Bergen"),
    ("I like coffee", "I don't like coffee any more"),
    ("I work for Acme.", "I work for Globex now."),
    ("My phone number is 555 0199", "My new phone number is 555 0142"),
    ("Ann's dog is called Rex", "Ann's dog is called Bella, actually"),
    (
        "I'm allergic to hazelnuts.",
        "The test says I'm not allergic to hazelnuts at all. It's cashews.",
    ),
    ("The report is due on Friday.", "Update: the report is due on Monday."),
    ("We live in Leeds with two cats.", "We live in Saltaire now!"),
    ("I drink three coffees a day.", "I've given up coffee."),
    ("My sister works as a nurse in Hull.", "My sister works as a teacher now."),
    ("I take the bus to work.", "I cycle to work instead of taking the bus."),
    ("The wifi password is tulip42.", "They changed the wifi password, it's rose77."),
    ("I use an Android phone.", "I switched from Android to an iPhone last week."),
    (
        "Bake it at 240 degrees for twenty minutes.",
        "In the new oven bake it at 220, not 240, for fifteen minutes.",
    ),
    (
        "Mix 500 grams of flour with 350 grams of water.",
        "I've gone up to 370 grams of water for the 500 of flour, please overwrite the 350.",
    ),
    (
        "The concert is on the fourteenth of November.",
        "The concert has been postponed to the twenty-first.",
    ),
    ("My manager is Priya.", "My manager is Helen since June."),
    ("I am 33 years old.", "I am 34 years old"),
    ("I am vegetarian.", "I am not vegetarian anymore, I had a steak on Sunday."),
    ("Rent is 800 a month.", "Rent is 850 a month from January."),
    ("Tom is my flatmate.", "Tom isn't my flatmate any more, he moved out."),
    ("I play the cello in an orchestra.", "I stopped playing the cello."),
    ("The gym opens at six.", "The gym opens at seven on weekdays now."),
    ("Our team has six people.", "Our team has eight people now."),
    (
        "I'm running the Aire Valley half marathon in May.",
        "I've pulled out of the Aire Valley half marathon.",
    ),
    ("My car is a red Volvo.", "I sold the Volvo."),
    ("I prefer tea to anything.", "I prefer coffee these days."),
    ("Deliveries go to 14 Cardigan Road.", "Deliveries go to 22 Weaver's Row now."),
]
SEEN_KEPT: list[Pair] = [
    ("I visited Paris in May", "I visited Rome in June"),
    ("Ann's dog is called Rex", "Ann's cat is called Tom"),
    ("My favourite colour is blue", "Blue is my favourite colour"),
    ("My favourite colour is blue", "My favourite film is Alien"),
    ("The meeting is at three", "Is the meeting at four?"),
    ("Is the meeting at three?", "The meeting is at four"),
    ("I live in Oslo", "My brother lives in Bergen"),
    ("I like coffee", "I like tea"),
    ("I work for Acme.", "I work for Acme as an engineer."),
    ("I ran five miles on Sunday.", "I ran seven miles on Sunday."),
    ("The meeting with Ann is at three.", "The meeting with Bob is at four."),
    ("I don't know what to do.", "I know what you mean now."),
    ("My sister is a nurse.", "My sister is funny."),
    ("I bought a red bike.", "I bought a blue bike."),
    ("Your dog is called Rex.", "My dog is called Tom."),
    ("I have a dog called Rex.", "I have a cat called Tom now."),
    ("I'm so happy today!", "I'm so tired today!"),
    ("The meeting is at three.", "The meeting is in the big room."),
    ("He lives in Oslo.", "She lives in Bergen."),
    ("I love painting sunsets.", "Now I love painting flowers too."),
    ("It was great to see you!", "It is great to see you now!"),
    ("We went camping in July.", "We went camping in August."),
    ("My son plays football.", "My daughter plays tennis now."),
    ("I was at the dentist on Monday.", "I was at the dentist on Thursday."),
    ("I'm reading Emma.", "I'm reading Dracula."),
    ("Thanks, that is so kind of you.", "Thanks, that is so sweet of you now."),
    ("My mother is from Cardiff.", "My mother is 62."),
    ("The report is due on Friday.", "The report is due on Friday, at noon."),
    ("I don't like fish.", "I really don't like fish or meat."),
    ("I want to visit Japan.", "I don't want to visit the dentist."),
]
HELD_OUT_REPLACED: list[Pair] = [
    ("My favorite band is Blur.", "My favorite band is Pulp now."),
    ("Dinner is at seven.", "Dinner is at eight."),
    ("My email address is zoe@old.example", "My email address is zoe@new.example now"),
    ("Our office is on the third floor.", "Our office moved to the fifth floor."),
    ("I smoke ten cigarettes a day.", "I don't smoke anymore."),
    ("Bill works at the library.", "Bill no longer works at the library."),
    (
        "We're getting married on 1 December.",
        "The wedding isn't on 1 December any more, we're getting married in May.",
    ),
    ("My boss is called Peter.", "My boss is now Sandra."),
    ("The flight leaves at 9:40.", "The flight leaves at 11:15, it was delayed."),
    ("I study chemistry at Leeds.", "I switched from chemistry to physics."),
    ("I drive a Fiesta.", "I drive a Tesla now."),
    ("The deadline is 3 March.", "The deadline was moved to 10 March."),
    ("I'm learning French.", "I gave up French, I'm learning Italian instead."),
    ("My locker code is 4417.", "My locker code changed, it's 9023."),
    ("My girlfriend lives in Madrid.", "My girlfriend moved to Lisbon."),
    ("I go to the gym on Mondays.", "I go to the gym on Wednesdays now."),
    ("The subscription costs 9 euros.", "The subscription costs 12 euros."),
    ("I can come on Friday.", "I can't come on Friday."),
    ("I eat meat.", "I no longer eat meat."),
    ("Yusuf is the treasurer.", "Yusuf is no longer the treasurer, Mira is."),
    ("The stable version is 2.4.", "The stable version is 2.5."),
    ("I'm afraid of dogs.", "I'm not afraid of dogs anymore."),
    ("The party is on Saturday.", "The party has been cancelled."),
    ("Grandma's birthday is on 4 May.", "Correction: grandma's birthday is on 5 May."),
    (
        "My office hours are Monday from two to four.",
        "My office hours are Thursday from one to three.",
    ),
    ("I use Chrome as my browser.", "I use Firefox as my browser now."),
    ("Mum's surgery is on Tuesday.", "Mum's surgery got pushed back to Thursday."),
    ("My son is in year four.", "My son is in year five now."),
    ("I weigh 82 kilos.", "I weigh 78 kilos now."),
    (
        "The keys are under the mat.",
        "The keys aren't under the mat any more, they're with the neighbour.",
    ),
    ("My dentist is Dr Patel.", "My new dentist is Dr Owusu."),
    ("I'm living in Berlin at the moment.", "I live in Hamburg now."),
    ("Our standup is at 9:30 every morning.", "Our standup is at 10 every morning from Monday on."),
    ("Sam is allergic to peanuts.", "Sam isn't allergic to peanuts after all, the doctor says."),
    ("My landlord's name is Mr Brown.", "My landlord's name is Mrs Keane, the flat was sold."),
    ("I have my piano lesson on Tuesdays.", "My piano lesson moved to Thursdays."),
    (
        "I take 20 mg of the blood pressure tablets.",
        "I take 10 mg of the blood pressure tablets now.",
    ),
    (
        "Ella goes to Park Street nursery.",
        "Ella doesn't go to Park Street nursery any more, she started school.",
    ),
    ("The project lead is Marta.", "Marta is no longer the project lead."),
    ("I'm dating Luke.", "Luke and I broke up, I'm not dating Luke anymore."),
    ("I usually run in the mornings.", "I usually run in the evenings now."),
    ("The budget is 5,000 euros.", "The budget is 7,500 euros."),
    (
        "My password hint is the name of my first school.",
        "My password hint changed, it's my first pet.",
    ),
    ("The dog sleeps in the kitchen.", "The dog sleeps in our bedroom now."),
    ("My laptop is a ThinkPad.", "My laptop is a MacBook now."),
    ("I'm a student at Aarhus University.", "I'm not a student anymore, I graduated in June."),
    ("My daughter is five.", "My daughter is six."),
    ("We meet at the Blue Cafe.", "We meet at the Red Lion from now on, not the Blue Cafe."),
    ("I want to be a vet.", "I don't want to be a vet any more."),
    ("The train leaves from platform 4.", "The train leaves from platform 9, they changed it."),
    (
        "I pay 30 euros a month for my phone.",
        "I pay 20 euros a month for my phone since I changed provider.",
    ),
    ("My car is in the garage on Mill Lane.", "My car is in the car park behind the station now."),
    ("The interview is on Wednesday at 2.", "The interview got rescheduled, it's on Friday at 11."),
    ("I use Python for everything at work.", "I switched from Python to Rust at work."),
    ("Tariq is single.", "Tariq isn't single any more."),
    (
        "My favourite restaurant is Luigi's.",
        "My favourite restaurant is the Thai place on Dock Street.",
    ),
    ("I can't eat gluten.", "Good news, I can eat gluten after all."),
    ("We have two cats.", "We have three cats now."),
    ("The code for the gate is 1209.", "Actually the code for the gate is 1290."),
    ("I'm on the night shift.", "I'm on the day shift now."),
    ("My flight is on the 3rd of May.", "My flight was moved to the 5th of May."),
    ("I don't have a car.", "I have a car now."),
]
HELD_OUT_KEPT: list[Pair] = [
    ("My favourite band is Blur.", "My favourite singer is Adele."),
    ("Dinner was at seven.", "Dinner was at eight."),
    ("I met Carla in March.", "I met Diego in April."),
    ("Bill works at the library.", "Jane works at the bank."),
    ("We saw a whale on Monday.", "We saw a dolphin on Tuesday."),
    ("I love my job.", "I love my new flat."),
    ("The flight to Rome leaves at nine.", "The flight to Oslo leaves at ten."),
    ("My brother is a plumber.", "My brother is a great cook."),
    ("I study chemistry.", "I study a lot, mostly at night."),
    ("I don't think it matters.", "I think it matters to her now."),
    ("The deadline for the essay is 3 March.", "The deadline for the exam is 10 March."),
    ("I'm learning French.", "I'm learning to swim."),
    ("I gave Ann ten euros.", "I gave Ann twenty euros."),
    ("My girlfriend lives in Madrid.", "I moved to Lisbon."),
    ("I go to the gym on Mondays.", "I go to choir on Wednesdays."),
    ("I paid 9 euros for lunch.", "I paid 12 euros for lunch."),
    ("I can come on Friday.", "Yes, I can come on Friday, no problem."),
    ("I eat meat.", "I eat fish too."),
    ("The old bridge is closed.", "The new bridge is beautiful."),
    ("I painted a lake last week.", "I painted a mountain this week instead."),
    ("My kids are excited.", "My kids are asleep now."),
    ("The party is on Saturday.", "The party is going to be fun."),
    ("Tell me when dinner is at seven.", "How about moving dinner to eight?"),
    ("My aunt's house is in Bath.", "My uncle's house is in York now."),
    ("I use Chrome at work.", "I use Firefox at home."),
    ("I didn't win the race.", "I won the second race!"),
    ("I'm not sure about that.", "I'm sure it will be fine now."),
    ("The soup takes ten minutes.", "The cake takes an hour."),
    ("My sister is pregnant, due in July.", "My cousin is pregnant, due in May."),
    ("The keys are under the mat.", "The keys are under the blue mat."),
    ("My sister's birthday is in May.", "My brother's birthday is in June."),
    ("I called the bank on Monday.", "I called the bank again on Thursday."),
    ("I'm really tired this week.", "I'm not tired at all today!"),
    ("The pasta needs ten minutes.", "The rice needs twenty minutes."),
    ("I love hiking in the Alps.", "I don't love the long drive to the Alps."),
    ("We had lunch at Luigi's.", "We had dinner at Mario's."),
    ("My car is red.", "My car is a Volvo."),
    ("The book was 12 euros.", "The book was 300 pages long."),
    ("I finished chapter three.", "I finished chapter four."),
    ("I'm working on a new song.", "I'm working on a new painting."),
    ("My dad was a baker in Lyon.", "My dad was happy in Lyon."),
    ("I might move to Oslo.", "I might move to Rome instead."),
    ("I have a meeting at two.", "I have a call at four."),
    ("Tom lives in Oslo.", "Tim lives in Bergen."),
    ("It's raining here.", "It's sunny here now."),
    ("The kids went to the zoo on Saturday.", "The kids went to the pool on Sunday instead."),
    ("My first car was a Fiat.", "My second car was a Ford."),
    ("I would love to see Iceland.", "I would not like to live in Iceland."),
    ("The first exam is on Monday.", "The second exam is on Wednesday."),
    ("I'm proud of you.", "I'm proud of my sister now."),
    ("She is a doctor.", "She is a lawyer."),
    ("My goal is to run a marathon.", "My goal this week is to sleep more."),
    ("I sent the letter on Friday.", "I haven't sent the parcel."),
    ("I'm not sure what to wear.", "I'm sure the blue one is fine."),
    ("My son is in year four.", "My son is in a band now."),
    ("The view is amazing.", "The view is breathtaking now."),
    ("My favourite part of the day is breakfast.", "My favourite part of the trip is the sea."),
    ("I bought tickets for June.", "I sold my old bike in July."),
    ("We're thinking about a dog.", "We're thinking about the summer now."),
    ("My back hurts.", "My knee hurts now."),
    ("I made a cake for Ann.", "I made a pie for Ann instead."),
    ("If it rains the match is on Sunday.", "The match is on Saturday."),
]
WORDS = """
    my I we live in Oslo is not isn't now no longer 5 moved to ? . it's Friday sold Aire Valley
    overwrite from gave up called the used meeting at
"""
texts = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS.split())).map(" ".join))


def replaced(pair: Pair, *, cosine: float = 0.8, speakers: tuple[str | None, str | None]) -> bool:
    """Whether the second of a pair, said a day later, supersedes the first."""
    older, newer = pair
    return supersedes(
        Statement(older, speakers[0], 0), Statement(newer, speakers[1], DAY_MS), cosine=cosine
    )


def by_ann(pair: Pair) -> bool:
    """The same, both said by Ann."""
    return replaced(pair, speakers=("Ann", "Ann"))


@pytest.mark.parametrize("pair", SEEN_REPLACED, ids=lambda pair: pair[1])
def test_newer_value_supersedes(pair: Pair) -> None:
    assert by_ann(pair)


@pytest.mark.parametrize("pair", SEEN_KEPT, ids=lambda pair: pair[1])
def test_other_subject_or_other_occasion_supersedes_nothing(pair: Pair) -> None:
    assert not by_ann(pair)


def test_rules_hold_for_pairs_they_were_not_made_for() -> None:
    found = sum(map(by_ann, HELD_OUT_REPLACED))
    false = sum(map(by_ann, HELD_OUT_KEPT))

    assert found / len(HELD_OUT_REPLACED) >= RECALL_MIN
    assert found / (found + false) >= PRECISION_MIN


@pytest.mark.parametrize(("which", "recall_min"), [("dev", 0.85), ("held out", 0.75)])
def test_what_agents_write_is_judged_with_precision_first(which: str, recall_min: float) -> None:
    with CORRECTIONS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["set"] == which]

    judged = [(row["expected"] == "replaced", by_ann((row["older"], row["newer"]))) for row in rows]

    true = judged.count((True, True))
    assert len(rows) >= 60
    assert true / (true + judged.count((False, True))) >= PRECISION_MIN
    assert true / (true + judged.count((True, False))) >= recall_min


@pytest.mark.parametrize(
    "pair",
    [
        ("I work for Acme on Mondays.", "I work for Globex on Tuesdays."),
        ("I drive a van at work.", "I drive a Mini at home."),
        ("My flight is LH123 on the way out.", "My flight is LH456 on the way back."),
        ("I use Flask.", "I use Git now."),
        ("User prefers short answers.", "User prefers British spelling."),
        ("I want to make sure the cache works.", "I want to make sure the tests work now."),
        ("My name is Emilia.", "I'm from Houston."),
    ],
    ids=lambda pair: pair[1],
)
def test_what_holds_beside_the_other_replaces_nothing(pair: Pair) -> None:
    assert not by_ann(pair)
    assert not by_ann(pair[::-1])


def test_who_is_told_of_by_name_or_as_the_user_is_the_speaker() -> None:
    texts = (
        "I live in Oslo.",
        "User lives in Oslo.",
        "The user lives in Oslo.",
        "Ann lives in Oslo.",
    )

    assert len({read(text, "Ann Lee").assertions for text in texts}) == 1
    assert read(texts[-1], "Bob").assertions != read(texts[0], "Bob").assertions


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        (("Ann", "Ann"), True),
        (("Ann", "ANN"), True),
        ((None, None), True),
        (("Ann", "Bob"), False),
        (("Ann", None), False),
        ((None, "Ann"), False),
    ],
)
def test_only_the_same_speaker_replaces_what_was_said(
    speakers: tuple[str | None, str | None], expected: bool
) -> None:
    assert replaced(("I live in Oslo.", "I live in Rome."), speakers=speakers) is expected


@pytest.mark.parametrize("newer_ms", [0, -DAY_MS])
def test_what_was_said_at_the_same_time_or_before_replaces_nothing(newer_ms: int) -> None:
    older = Statement("I live in Oslo.", "Ann", 0)

    assert not supersedes(older, Statement("I live in Rome.", "Ann", newer_ms), cosine=0.9)


def test_statements_that_are_not_alike_replace_nothing() -> None:
    pair = ("I live in Oslo.", "I live in Rome.")

    assert replaced(pair, cosine=COSINE_MIN, speakers=("Ann", "Ann"))
    assert not replaced(pair, cosine=COSINE_MIN - 0.01, speakers=("Ann", "Ann"))


@pytest.mark.parametrize("pair", SEEN_REPLACED + HELD_OUT_REPLACED, ids=lambda pair: pair[1])
def test_a_question_replaces_nothing_and_is_replaced_by_nothing(pair: Pair) -> None:
    older, newer = (text.replace(".", ",").replace("!", ",").rstrip(",") + "?" for text in pair)

    assert not by_ann((pair[0], newer))
    assert not by_ann((older, pair[1]))


@given(texts, texts)
def test_any_texts_get_an_answer_and_none_replaces_itself(older: str, newer: str) -> None:
    answer = by_ann((older, newer))

    assert by_ann((older, newer)) is answer
    assert not by_ann((older, older))


def test_what_replaces_is_found_among_other_sentences() -> None:
    older = "Right, new year. I'm 33, and I live in Leeds with my boyfriend. Who are you?"
    newer = "What a day! The van was too big, but it is done: we live in Saltaire. Bye!"

    assert by_ann((older, newer))


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    padding = "Well. " * CHARACTERS_MAX

    assert read(padding + "I live in Rome.").assertions == ()
    assert not by_ann(("I live in Oslo.", padding + "I live in Rome."))


@pytest.mark.parametrize(
    "clause",
    [
        "She lives in Oslo",
        "Maybe I live in Oslo",
        "If we live in Oslo",
        "Do I live in Oslo?",
        "Oslo!",
        "Ich wohne in Oslo",
        "",
    ],
)
def test_clause_without_a_known_subject_and_verb_says_nothing(clause: str) -> None:
    assert read(clause).assertions == ()


def test_what_somebody_reports_is_read_as_said() -> None:
    (reported,) = read("The doctor says that I'm not allergic to nuts.").assertions
    (said,) = read("I am not allergic to nuts.").assertions

    assert reported == said
