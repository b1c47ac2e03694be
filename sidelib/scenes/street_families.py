"""The families of outdoor scenes and what lays them out."""

from sidelib.scenes import open_places, town_streets

__all__ = ["FAMILIES"]

FAMILIES = {
    "street": town_streets.street,
    "avenue": town_streets.avenue,
    "suburb": town_streets.suburb,
    "highway": open_places.highway,
    "square": open_places.square,
    "park": open_places.park,
    "alley": town_streets.alley,
    "car_park": open_places.car_park,
    "country_road": open_places.country_road,
    "crossing": town_streets.crossing,
}
