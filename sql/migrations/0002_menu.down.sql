DROP VIEW app.hotel_documents;
DROP TABLE app.allergen_lists;
DROP VIEW app.menu_documents;
DROP TABLE app.tax_rates;
DROP TABLE app.menu_items;
DROP FUNCTION app.look_up_allergens();
