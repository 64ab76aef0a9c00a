"""Words that exercises are about: common ones, names, and words that nobody has ever read."""

import random
from typing import Final

NOUNS: Final = (
    "apple anchor arrow basket bell bicycle blanket boat book bottle box bread bridge brush "
    "bucket button camera candle carpet castle chair cheese circle clock cloud coat coin comb "
    "cookie cup desk door dragon drum eagle engine feather fence flag flower forest fork garden "
    "ghost glass glove goat guitar hammer harbor hat honey horse island jacket jar key kettle "
    "kite kitten ladder lake lamp leaf lemon letter lion map mirror monkey moon mountain mouse "
    "needle nest notebook ocean orange owl paint panda paper pencil pepper piano pillow planet "
    "plate pocket potato puzzle queen rabbit radio rain ring river robot rocket rope salt sand "
    "school scissors shadow shell shoe silver sock spoon star stone storm sugar sun table tiger "
    "toast towel train tree truck turtle umbrella valley violin wagon wallet water whale wheel "
    "window winter wolf yarn zebra"
).split()

NAMES: Final = (
    "Ada Alice Amir Anna Ben Boris Carla Chen Clara David Diego Elena Emma Erik Fatima Felix Fiona "
    "Grace Hana Hugo Ida Ivan Jack Jana Jonas Julia Kai Karim Kate Lars Lena Leo Lina Lucas Maria "
    "Marta Max Mia Milan Nadia Nina Noah Nora Olga Oliver Omar Oscar Paula Peter Priya Quinn Rosa "
    "Ruth Sam Sara Sofia Stefan Tara Theo Tom Uma Vera Victor Wei Yara Yusuf Zoe"
).split()

CITIES: Final = (
    "Amsterdam Athens Bangkok Barcelona Berlin Bogota Boston Brussels Budapest Cairo Chicago "
    "Copenhagen Dallas Delhi Denver Dublin Geneva Hamburg Hanoi Helsinki Houston Istanbul Jakarta "
    "Kyoto Lagos Lima Lisbon London Madrid Miami Milan Montreal Moscow Munich Nairobi Naples Oslo "
    "Osaka Paris Prague Riga Rome Santiago Seattle Seoul Stockholm Sydney Tallinn Tokyo Toronto "
    "Tunis Vienna Vilnius Warsaw Zagreb Zurich"
).split()

COLOURS: Final = (
    "black blue brown gold gray green orange pink purple red silver white yellow".split()
)
PLACES: Final = (
    "attic basement bathroom bedroom cabin cellar closet garage garden hall kitchen library office "
    "shed studio tent tower workshop"
).split()
ANIMALS: Final = "cat dog horse parrot rabbit snake turtle hamster goat duck sheep pony".split()
FOODS: Final = "bread cheese fish noodles pasta pizza rice salad soup tacos curry pancakes".split()
JOBS: Final = (
    "baker carpenter dentist doctor driver farmer gardener lawyer nurse painter pilot plumber "
    "singer teacher writer"
).split()
DAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
LANGUAGES: Final = "Arabic Chinese Dutch English French German Greek Italian Japanese Korean Polish Spanish Swedish Turkish".split()  # noqa: E501

_ONSETS: Final = "b br c ch d dr f fl g gr h j k kl l m n p pl qu r s sk st t tr v w x z".split()
_VOWELS: Final = "a e i o u a e i o ai ee oo ou".split()
_CODAS: Final = "b d f g k l m n p r s t x nd rk st lm".split()


def invented(chance: random.Random) -> str:
    """A word of two or three syllables that is in no dictionary, in small letters."""
    syllables = [
        chance.choice(_ONSETS) + chance.choice(_VOWELS) for _ in range(chance.choice((2, 2, 3)))
    ]
    return "".join(syllables) + (chance.choice(_CODAS) if chance.random() < 0.6 else "")


def noun(chance: random.Random) -> str:
    """A common noun; at times an invented one."""
    return invented(chance) if chance.random() < 0.15 else chance.choice(NOUNS)


def nouns(chance: random.Random, count: int) -> list[str]:
    """So many different common nouns."""
    return chance.sample(NOUNS, count)


def name(chance: random.Random) -> str:
    """A first name; often an invented one, so that names are copied and not remembered."""
    return invented(chance).capitalize() if chance.random() < 0.4 else chance.choice(NAMES)


def city(chance: random.Random) -> str:
    """A city; often an invented one."""
    return invented(chance).capitalize() if chance.random() < 0.35 else chance.choice(CITIES)


def code(chance: random.Random) -> str:
    """Digits, or letters and digits."""
    if chance.random() < 0.6:
        return str(chance.randrange(10 ** chance.randint(2, 5)))
    return chance.choice("ABCDEFGHKMNPRSTXZ") + str(chance.randrange(10, 1000))
